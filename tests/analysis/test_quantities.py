"""What a number in a message may be, by the kinds of ways to write one: borne out by a source, or new."""

from __future__ import annotations

import pytest

from analysis.probes import new_quantities

KINDS: dict[str, list[tuple[str, list[str], list[str]]]] = {
    "rounding": [
        (
            "32.49 million people",
            ["32.5 million", "32 million", "over 32 million", "32,490,000", "about 32.4 million"],
            ["32.4 million", "33.5 million", "40 million", "30 million", "32.6 million", "324.9 million", "34 million"],
        ),
        (
            "23,501 visitors",
            ["23,500 visitors", "nearly 24,000", "around 24,000", "more than 23,000"],
            ["24,000", "20,000", "25,000", "over 24,000", "235,010", "23.5 visitors"],
        ),
        (
            "It costs $24.99.",
            ["$25", "24.99 dollars", "under $25", "less than $30"],
            ["$20", "$30", "$24", "€24.99", "£25", "24.99 euros", "under $20", "$2,499"],
        ),
        ("17 percent", ["17 per cent", "17 pct"], ["17 million", "17 dollars"]),
        (
            "Turnout was 61.8%",
            ["62%", "61.8 percent", "nearly 62 percent", "more than 60%", "over 60 percent"],
            ["65%", "68 percent", "61.9%", "60%"],
        ),
        (
            "$1,299.00",
            ["$1,299", "$1299", "$1,300", "1,299 dollars", "under $1,300"],
            ["$999", "$1,199", "$129", "1,299 euros"],
        ),
        (
            "up 12.4 percent from $32.1m to $36.1m",
            ["$36 million", "$36.1m", "12%", "12.4%", "$32.1 million"],
            ["$36 billion", "$40 million", "15%", "124%"],
        ),
        ("over 200 countries", ["200 countries", "more than 200 countries"], ["300 countries"]),
        ("tax of 1.25%", ["1.25 percent", "1.25%"], ["12.5%", "2.25%", "125%"]),
    ],
    "fractions and number words": [
        (
            "one in four households",
            [
                "25%",
                "25 percent of households",
                "a quarter of households",
                "1 in 4",
                "one out of four",
                "one-quarter of",
                "a quarter.",
            ],
            ["one in three", "a third of households", "50%", "one in five", "three in four", "75 percent", "half of"],
        ),
        (
            "half a million people",
            ["500,000", "0.5 million", "half-a-million", "500 thousand", "500k people"],
            ["a million", "5 million", "50,000", "half a billion"],
        ),
        (
            "500,000 people live here",
            ["half a million people", "500k", "0.5m people"],
            ["a quarter of a million", "1.5 million"],
        ),
        (
            "1.5 million users",
            ["one and a half million", "a million and a half", "1,500,000", "1.5m users"],
            ["two million", "half a million", "1.5 billion"],
        ),
        (
            "two thirds of members",
            ["67 percent", "66.7%", "two in three", "two out of three", "2/3 of members"],
            ["three quarters", "a third of", "60%"],
        ),
        (
            "75% of it",
            ["three quarters", "three out of four", "3/4", "3 in 4"],
            ["four out of five", "a quarter", "half"],
        ),
        ("a dozen eggs", ["12 eggs", "twelve eggs"], ["24 eggs", "two dozen"]),
        ("412 of 515 customers", ["80%", "four out of five", "412 of our 515 customers"], ["90%", "nine in ten"]),
        (
            "32,000 people",
            ["thousands of people", "tens of thousands of people"],
            ["hundreds of thousands of people", "millions of people", "hundreds of people"],
        ),
        ("twice as fast", ["2x faster", "two times faster"], ["three times faster", "10x faster", "tripled"]),
        ("sales fell by half", ["sales halved", "50 percent", "cut in half"], ["sales doubled", "by a third."]),
        ("Up to 40% off", ["40% off", "up to 40 percent off"], ["50% off", "half off", "half price"]),
        ("a third of the parts", ["one third", "33%", "33 percent", "1/3 of them"], ["two thirds", "30%"]),
        (
            "Three of the five members",
            ["60%", "three in five", "3 of 5", "three out of five"],
            ["four of the five", "80%", "2 in 5"],
        ),
        (
            "one hundred and twenty firefighters",
            ["120 firefighters", "more than 100 firefighters", "over a hundred firefighters"],
            ["1,200 firefighters", "200 firefighters"],
        ),
        ("two million three hundred thousand", ["2.3 million", "2,300,000"], ["2.4 million"]),
        ("3½ stars", ["3.5 stars", "three and a half stars"], ["4.5 stars", "five stars"]),
        (
            "nine in ten voters",
            ["90 percent", "9 out of 10", "nine out of ten", "nine of ten"],
            ["eight in ten", "19 in 20"],
        ),
        ("1/2 cup of sugar", ["half a cup", "½ cup", "120 ml"], ["a cup and a half", "2 cups"]),
        ("twenty-first of June", [], ["in the 1960s"]),
        ("10%", ["a tenth of", "one in ten", "10 per cent"], ["a fifth of", "one in five", "100%"]),
        ("two dozen people", ["24 people", "dozens of people"], ["hundreds of people", "12 people", "100 people"]),
        ("sixty-four", ["64"], ["46", "640"]),
        (
            "200 people",
            ["a couple of hundred people", "200 people", "a few hundred people"],
            ["a couple of thousand people", "several thousand people"],
        ),
        (
            "3,400 homes",
            ["several thousand homes", "a few thousand homes", "thousands of homes"],
            ["a few hundred homes"],
        ),
        ("tenfold rise", ["ten times more", "10x"], ["fivefold"]),
        ("half price", ["50% off", "half-price", "50 percent"], ["75% off"]),
    ],
    "years": [
        ("In 2019 it was built.", ["in '19", "2019", "back in ‘19"], ["'18", "2018", "in '09"]),
        ("FY21 revenue", ["2021", "fiscal 2021", "FY2021", "fiscal year 2021"], ["FY20", "2020", "fiscal 2019"]),
        ("since '98", ["since 1998"], ["since 1989", "since 1988"]),
        ("the season 2019-20", ["2019", "2020", "2019/20"], ["2018", "2021"]),
        (
            "in 1987",
            ["in the 1980s", "in the '80s", "in the eighties", "nineteen eighty-seven"],
            ["in the 1990s", "in the '90s", "the seventies"],
        ),
        (
            "Dr. Lee treated 1,204 patients between 2011 and 2015.",
            ["1,200 patients", "from 2011 to 2015", "about 1,200", "in the early 2010s"],
            ["1,300 patients", "since 2010", "from 2009 to 2015"],
        ),
        ("Born 14 May 1974", ["born in 1974", "14 May 1974"], ["born in 1975", "15 May"]),
        ("90s music", ["'90s", "1990s", "the nineties"], ["'80s", "1980s"]),
        (
            "cost about $1.2 billion in FY2020",
            ["$1.2bn", "$1.2 billion", "FY20", "2020", "$1,200 million"],
            ["$1.2 million", "FY2021", "$12 billion"],
        ),
        ("Class of '98, 3.7 GPA", ["class of 1998", "3.7"], ["4.0 GPA", "class of '89"]),
    ],
    "products": [
        (
            "2x8GB of RAM",
            ["two 8 GB sticks", "16 GB", "2 x 8 GB", "2×8GB", "16GB"],
            ["four 8 GB sticks", "32 GB", "8x2GB and 64GB", "two 16 GB"],
        ),
        (
            "6 bottles of 750 ml",
            ["six 750-ml bottles", "4.5 litres", "4,500 ml", "6 x 750 ml"],
            ["12 bottles", "9 litres", "six 500 ml"],
        ),
        ("Pack of 12 cans, 330 ml each", ["12 cans", "330 ml", "twelve 330 ml cans"], ["24 cans", "500 ml"]),
        ("12 x 8 x 3 inches", ["12 inches", "8 inches", "3 inches", "30 cm"], ["15 inches", "12 feet"]),
        ("three packs of twelve", ["twelve", "3 packs of 12", "36 pieces"], ["four packs of 12"]),
        ("a pair of 8 GB sticks", ["two 8 GB sticks", "16 GB", "2x8GB"], ["32 GB", "four 8 GB sticks"]),
        ("Ships in 2 boxes of 4.", ["2 boxes", "8 pieces"], ["9 pieces"]),
    ],
    "units that change a number": [
        (
            "220 °C",
            ["428 °F", "428 degrees Fahrenheit", "220 degrees", "220 Celsius", "220°C"],
            ["220 °F", "428 °C", "220 F", "500 °F"],
        ),
        (
            "350°F for 20 minutes",
            ["177 °C", "350 degrees", "350 F", "about 175 °C"],
            ["350 °C", "200 °C", "350 degrees Celsius"],
        ),
        ("-20 °C", ["-4 °F"], ["20 °C", "-20 °F"]),
        (
            "$1.20 per pound",
            ["$1.20 a pound", "$1.20/lb", "$2.65 per kilo", "$2.65/kg"],
            ["$1.20 per kilo", "$1.20/kg", "$1.20 per ounce"],
        ),
        ("$4 per kilo", ["$1.81 per pound", "$4/kg", "$4 a kilo"], ["$4 per pound"]),
        ("5 kg", ["11 lbs", "11 pounds", "5,000 g", "5kg"], ["5 lbs", "5 pounds", "11 kg", "5 g"]),
        ("150 lb", ["68 kg", "150 pounds"], ["150 kg", "150 kilos", "68 lb"]),
        (
            "60 miles per hour",
            ["60 mph", "97 km/h", "96.6 kph", "60 miles an hour"],
            ["60 km/h", "100 mph", "60 kilometres per hour"],
        ),
        (
            "12,000 visitors a month",
            ["12,000 visitors per month", "12,000 visitors", "144,000 visitors a year"],
            ["12,000 visitors a week", "12,000 visitors per day"],
        ),
        ("$3 to $5 million", ["$3 million", "$5 million"], ["$3 billion", "$6 million"]),
        ("640 acres", ["a square mile", "1 square mile", "259 hectares"], ["640 hectares"]),
        ("£349", ["349 pounds", "£349"], ["$349", "€349"]),
        ("costs 4.5bn euros", ["€4.5bn", "€4.5 billion", "4,500 million euros"], ["$4.5bn", "€4.5m"]),
        ("8 fl oz", ["237 ml", "8 fluid ounces"], ["8 ml", "80 fl oz"]),
        ("100 sq ft", ["100 square feet", "9.3 square metres"], ["100 square metres"]),
        ("It is 1.80 m tall", ["180 cm", "1.8 metres", "5.9 feet", "six feet"], ["1.8 feet", "18 m"]),
        ("Temperature: 5 to 8 degrees Celsius", ["41 °F", "5 °C", "8 degrees", "46 °F"], ["5 °F", "80 °F"]),
        ("60 mph", ["60mph", "96 km/h"], ["60 km/h", "96 mph"]),
        ("fuel use of 30 miles per gallon", ["12.75 km per litre"], ["30 km per litre", "40 miles per gallon"]),
        (
            "20 minutes per day",
            ["20 minutes a day", "20 minutes daily"],
            ["20 hours per day", "40 minutes a day", "20 minutes a week"],
        ),
        ("1kg of feed for 3 chickens", ["2.2 lb", "2.2 pounds", "a kilo"], ["1 lb", "3 kg", "2.2 kg"]),
        ("€5", ["5 euros", "€5.00", "five euros"], ["$5", "5 dollars", "£5", "five pounds", "¥5"]),
        ("50 cents", ["$0.50", "half a dollar", "€0.50"], ["$50", "50 dollars", "£50"]),
        ("1.2m euros", ["€1.2 million", "1.2 million euros"], ["1.2 million dollars", "€1.2 billion"]),
        (
            "€1.2 million",
            ["1.2m euros", "1.2M euros", "EUR 1.2 million", "1.2 million €"],
            ["USD 1.2 million", "1.2m dollars"],
        ),
        ("40 €", ["€40", "40€", "40 euros", "EUR 40"], ["$40", "40 $", "GBP 40"]),
        ("$50 monthly", ["$50 a month", "$50 per month", "$600 a year"], ["$50 weekly", "$50 a week", "$50 annually"]),
        ("$3 to $5m", ["$3m", "$5 million"], ["$3bn"]),
        ("1.8m people", ["1.8 million people"], ["1.8 billion people"]),
    ],
    "units glued to a number": [
        ("180 MB/s", ["180MB/s", "180 megabytes per second"], ["180 GB/s", "1.8 GB/s", "180 Mbps"]),
        ("7200 RPM", ["7200RPM", "7,200 rpm", "7200 revolutions per minute"], ["5400RPM", "10000rpm", "7200Mbps"]),
        ("a drive", [], ["5000Mbps", "7200RPM", "64-bit", "5G", "4K", "1080p", "120fps", "3D"]),
        ("4K video", ["in 4K", "4k", "2160p"], ["in 8K", "1080p"]),
        ("5G phone", ["5G"], ["4G"]),
        ("battery: 5000 mAh", ["5 Ah", "5,000mAh", "5000 mAh"], ["5000 Ah", "6000mAh"]),
        ("3,500 lumens, 12V, IP67", ["3500 lumens", "3,500lm", "12 volts", "IP67"], ["5000 lumens", "24V"]),
        ("64GB", ["64 gigs", "64 GB", "0.064 TB"], ["64TB", "64 MB", "128GB"]),
        ("4k followers", ["4,000 followers", "4K followers"], ["40,000 followers"]),
    ],
    "times": [
        (
            "90 minutes",
            ["an hour and a half", "1.5 hours", "1 hour 30 minutes", "one and a half hours", "1½ hours", "1 1/2 hours"],
            ["two hours", "half an hour", "an hour and 45 minutes"],
        ),
        ("1 hour 30 minutes", ["90 minutes", "1.5 hours"], ["2 hours", "60 seconds"]),
        ("5 ft 10 in tall", ["5 feet 10", "70 inches", "178 cm"], ["6 ft 2"]),
        ("24 hours", ["a day", "24h", "one day"], ["two days", "12 hours"]),
        ("10 years", ["a decade", "ten years", "10-year"], ["two decades", "a century"]),
        ("3-5 days", ["three to five days", "3 to 5 days", "5 days"], ["1-2 days", "one to two days"]),
        ("4 pm", ["4pm", "16:00", "4 p.m.", "4:00 pm"], ["5 pm", "4 am", "4:30 pm"]),
        ("a 34-year-old", ["34 years", "aged 34"], ["43 years"]),
        ("John Ray, 34, a cook", ["34 years old", "a 34-year-old"], ["35 years old"]),
        ("9 a.m. to 5 p.m.", ["9am", "5 pm", "from 9:00 to 17:00", "nine to five"], ["8 am", "6pm"]),
        ("lasts 12 hours", ["half a day", "12h", "twelve-hour"], ["a full day", "24 hours", "a dozen days", "12 days"]),
        ("a half-hour wait", ["30 minutes", "half an hour", "0.5 hours"], ["an hour and a half", "45 minutes"]),
        ("He served two terms, 8 years", ["eight years", "two terms"], ["three terms", "12 years"]),
        ("a 20-minute walk", ["20 minutes", "a 20 minute walk"], ["20 seconds", "a two-minute walk"]),
    ],
    "list markers, names and idioms": [
        (
            "steps",
            [
                "1. Clean\n2. Dry",
                "1) clean 2) dry",
                "Why? 1) light. 2) small.",
                "Step 1: go",
                "(1) a; (2) b",
                "Reason 3",
                "1️⃣ Go",
            ],
            ["for 3 reasons"],
        ),
        ("Model X900-B, ISO 9001, built 2015", ["the X900-B", "ISO 9001"], ["the year 2016", "built in '14"]),
        (
            "Only 5 left. Sold since June 2018.",
            ["five left", "5 left", "since 2018", "June '18"],
            ["50 left", "since 2008"],
        ),
        (
            "Team of 3",
            ["24/7 support", "first and foremost", "one of us", "on the one hand", "second to none", "Plan A, part 2"],
            ["a team of 30"],
        ),
        ("A mug.", ["It's one of a kind", "Everyone, at once"], ["holds 2 litres", "500 ml", "only $5"]),
    ],
    "in a text": [
        (
            "25 % of voters",
            ["one in four voters", "a quarter of voters", "25 percent"],
            ["one in five", "a third of voters", "24%", "every second voter"],
        ),
        ("9.2 to 6.1 million", ["9.2 million", "6.1 million"], ["9.2 billion", "7 million"]),
        (
            "A blender with a 1.2 l jar, 700 W, 3 speeds and pulse. Weighs 2.9 kg. Noise 78 dB.",
            [
                "1.2-litre jar",
                "700 watts",
                "a 700W motor",
                "three speeds",
                "0.7 kW",
                "only 2.9 kg",
                "6.4 pounds",
                "78 decibels",
                "1,200 ml",
            ],
            ["700 kW", "1.2 gallons", "five speeds", "900W", "2.9 lbs", "a 2 litre jar", "1000 watts"],
        ),
        (
            "The 1,000-page report, at p. 12, cost $2.5 per page",
            ["1,000 pages", "$2.50 per page"],
            ["$2.5 million", "500 pages"],
        ),
        (
            "population of 1.2 million",
            ["1,200,000 people", "1.2 million"],
            ["1.2 billion", "12 million", "1.2 thousand"],
        ),
    ],
    "changes": [
        (
            "The bridge costs $1.85 billion, up from a planned $1.2 billion. It cuts the trip from 55 minutes to 18 minutes.",
            ["$650 million over plan", "costs rose by 54 percent", "up by more than half", "37 minutes saved"],
            [
                "$450 million over plan",
                "costs rose by 80 percent",
                "costs doubled",
                "27 minutes saved",
                "one in two trips",
            ],
        ),
        (
            "1,204 cases since March 3, up from 402. Unemployment fell from 9.8 percent to 5.1 percent between 2011 and 2018.",
            [
                "cases tripled",
                "three times as many cases",
                "802 more",
                "4.7 points",
                "in seven years",
                "fell by almost half",
            ],
            [
                "cases doubled",
                "five times as many cases",
                "600 more",
                "6 points",
                "in four years",
                "fell by two thirds",
            ],
        ),
        ("It has 4 doors and 12 windows.", ["4 doors"], ["8 more windows", "three times", "a third of it"]),
        (
            "Taxes fell from $48.2 million to $34.9 million.",
            ["from 48 million dollars to 35 million", "from $48.2 million to 34.9 million"],
            ["from 48 million dollars to 30 million"],
        ),
    ],
    "what is counted": [
        (
            "Two children died. The county will open 12 clinics. Over 90 staff work there. It weighs 11.9 pounds.",
            ["two children", "12 clinics", "a dozen", "12 pounds", "about 12"],
            ["twelve children", "90 clinics"],
        ),
        ("It weighs 11.9 pounds.", ["12 pounds", "about 12"], ["serves a dozen guests"]),
        ("It grew from 1,180 to 2,360 members.", ["1,180 members", "2,360 members"], ["1,900 members"]),
    ],
    "days": [
        (
            "Twelve clinics open by April 15, the last on 9 Sept. this year.",
            ["by 4/15", "by 15/4", "on 9/9", "2027-04-15", "by 15 April"],
            ["by 4/16", "on 5/15", "4/5 of them"],
        ),
    ],
    "written to the number": [
        (
            "Reads up to 1050 MB/s. 10.2 inches wide.",
            ["1050MB/s", "1.05 GB/s", "8.4 Gb/s", "10.2in: wide"],
            ["1050 Mb/s", "11in: wide"],
        ),
    ],
    "idioms": [
        (
            "A lamp.",
            ["I give one hundred percent every day", "two heads are better than one", "a thousand thanks"],
            ["100% oak"],
        ),
    ],
}
"""Kind -> sources, with what they bear out and what is new."""


@pytest.mark.parametrize("kind", KINDS)
class TestKinds:
    """Each way to write a number, in both directions."""

    def test_what_the_source_says_is_borne_out(self, kind: str) -> None:
        """In other words, units and roundings too."""
        alarms = [
            (source, text) for source, stated, _ in KINDS[kind] for text in stated if new_quantities(text, source)
        ]
        assert alarms == []

    def test_what_it_does_not_say_is_new(self, kind: str) -> None:
        """However near it looks."""
        missed = [(source, text) for source, _, new in KINDS[kind] for text in new if not new_quantities(text, source)]
        assert missed == []


class TestTolerance:
    """Rounded is what is rounded at its own precision and lies within two per cent."""

    @pytest.mark.parametrize("true", [11.8, 23_501, 32_490_000, 96, 412, 1_987_654])
    def test_a_rounding_is_true_as_far_as_the_tolerance_goes(self, true: float) -> None:
        """At every number of figures: what is nearer is never worse than what is coarser."""
        for figures in range(1, 8):
            rounded = float(f"{true:.{figures}g}")
            near = abs(rounded - true) <= 0.02 * true
            assert (new_quantities(f"{rounded:.10g} crates", f"{true:.10g} crates") == []) == near, (true, rounded)

    def test_a_near_number_that_is_no_rounding_is_new(self) -> None:
        """1,251 states a precision that 1,247 does not have."""
        assert new_quantities("1,251 crates", "1,247 crates") == ["1,251"]
        assert new_quantities("1,250 crates", "1,247 crates") == []


class TestEvidence:
    """What is shown is what was written."""

    @pytest.mark.parametrize(
        "text", ["back in ’17", "3–5 days", "over\u00a0500 people", "nearly 7,000 RPM", "“12” inches"]
    )
    def test_it_stands_in_the_message(self, text: str) -> None:
        """Curly apostrophes, dashes and hard spaces too."""
        evidence = new_quantities(text, "A lamp.")
        assert evidence and all(span in text for span in evidence)

    def test_the_name_of_what_it_is_about_states_nothing(self) -> None:
        """Nor does a name within the evidence hide a letter of it."""
        assert new_quantities("The Halden 5 lasts 90 hours", "A lamp.", "Halden 5") == ["90 hours"]
        assert new_quantities("over 9 x", "A lamp.", "x") == ["over 9"]
