"""Mistakes of somebody with a question: pages of studies, factors, seeds, power, what is declared before."""

from __future__ import annotations

from tests.mistakes import places
from tests.mistakes.mistake import NO_RUN, Mistake

STUDY = (places.study(),)
SMALL = (
    "{epochs: 1, train_anchors: 4, held_out_anchors: 4, train_personas: 4, held_out_personas: 4, arms: [rft, placebo]}"
)
BODY = f"name: s\nbase: {SMALL}\ncross: {{arena: [sales, social]}}\nseeds: 3\n"


def page(text: str) -> dict[str, str]:
    """Return the files of a user who wrote one page."""
    return {"p.yaml": text}


def declared(primary: str, seeds: str = "seeds: 4\n") -> dict[str, str]:
    """Return a page that declares something."""
    return page(BODY.replace("seeds: 3\n", seeds) + f"primary: {primary}\n")


def planned(did: str, text: str, *says: str) -> Mistake:
    """A mistake in a page, which is looked at before it is carried out."""
    return Mistake(did, "study plan p.yaml", says, files=page(text))


def hypothesis(did: str, primary: str, *says: str, seeds: str = "seeds: 4\n") -> Mistake:
    """A mistake in what a page declares."""
    return Mistake(did, "study plan p.yaml", says, files=declared(primary, seeds))


RESEARCHER: tuple[Mistake, ...] = (
    # the page
    Mistake("a page that is not there", "study plan none.yaml", ("none.yaml",)),
    Mistake("a run for a study", "study plan run", ("run: no study here: it is a run",), given=(places.run(),)),
    planned("an empty page", "", "p.yaml"),
    planned("a page that is a list", "- a\n", "p.yaml", "mapping"),
    planned("a page that is no YAML", "name: [s\n", "p.yaml:"),
    planned("a key mistyped", BODY.replace("cross", "corss"), "p.yaml:3:1", "corss", "cross"),
    planned("a page without a name", BODY.replace("name: s\n", ""), "name"),
    planned("a name with a slash", BODY.replace("name: s\n", "name: a/b\n"), "p.yaml:1:1", "name"),
    planned("settings of a run for a page", "epochs: 1\narena: sales\n", "p.yaml", "epochs"),
    planned(
        "a setting mistyped in the base",
        BODY.replace("epochs", "epohcs"),
        "p.yaml:2:8",
        "epohcs",
        "Did you mean 'epochs'?",
    ),
    planned("a base that is not there", BODY.replace(SMALL, "base.yaml"), "base.yaml"),
    planned("a seed in the base", BODY.replace("{epochs: 1", "{seed: 2, epochs: 1"), "p.yaml:2", "seed"),
    planned("a profile mistyped", BODY + "profile: papr\n", "papr", "paper"),
    # factors
    planned("a factor that is no setting", BODY.replace("arena:", "colour:"), "p.yaml:3", "colour"),
    planned("a level that there is not", BODY.replace("social", "market"), "unknown arena 'market'"),
    planned("a factor without levels", BODY.replace("[sales, social]", "[]"), "arena"),
    planned("a factor with one level twice", BODY.replace("[sales, social]", "[sales, sales]"), "sales", "twice"),
    planned("a level for a list", BODY.replace("[sales, social]", "sales"), "arena"),
    planned("the seed as a factor", BODY.replace("arena: [sales, social]", "seed: [1, 2]"), "seed"),
    planned(
        "a file of a level that is not there", BODY.replace("[sales, social]", "{small: small.yaml}"), "small.yaml"
    ),
    planned("a function of a level that is not there", BODY.replace("[sales, social]", "{own: 'mine:level'}"), "mine"),
    planned("an exclusion of no factor", BODY + "exclude: [{place: here}]\n", "place", "arena"),
    planned("an exclusion of no level", BODY + "exclude: [{arena: market}]\n", "market"),
    planned(
        "everything excluded", BODY + "exclude: [{arena: sales}, {arena: social}]\n", "p.yaml:5:1: no cell is left"
    ),
    planned("a sample of no number", BODY + "sample: {temperature: [1.2, 0.5], method: sobol, n: 4}\n", "temperature"),
    planned("a sample of none", BODY + "sample: {temperature: [0.5, 1.2], method: sobol, n: 0}\n", "n"),
    planned(
        "a sample by no method",
        BODY + "sample: {temperature: [0.5, 1.2], method: dice, n: 4}\n",
        "sample.method",
        "'sobol'",
    ),
    # seeds and bounds
    planned("no seeds", BODY.replace("seeds: 3", "seeds: 0"), "p.yaml:4:1", "seeds"),
    planned("seeds in words", BODY.replace("seeds: 3", "seeds: three"), "p.yaml:4:1", "seeds"),
    planned("a seed twice", BODY.replace("seeds: 3", "seeds: [1, 2, 1]"), "p.yaml:4:1", "twice"),
    planned("too many seeds", BODY.replace("seeds: 3", "seeds: 10000000"), "p.yaml:4:1", "seeds"),
    planned("a bound mistyped", BODY + "stop: {usdd: 3}\n", "p.yaml:5", "usdd"),
    planned("a bound below none", BODY + "stop: {hours: -1}\n", "p.yaml:5", "hours"),
    planned("anew mistyped", BODY + "redraw: {held_out_anchors: per_sed}\n", "redraw.held_out_anchors", "'per_seed'"),
    Mistake("one seed for a study", "study --seeds 1", ("--seeds",)),
    Mistake("seeds that are a list", "study --seeds 1,2", ("--seeds",)),
    # what is declared
    hypothesis(
        "an arm that no cell has",
        "{hypotheses: [{name: H1, arm: rtf, outcome: win_rate}]}",
        "no cell has the arm 'rtf'",
        "rft",
    ),
    hypothesis("an outcome mistyped", "{hypotheses: [{name: H1, arm: rft, outcome: winrate}]}", "winrate", "win_rate"),
    hypothesis(
        "an outcome that not all cells have",
        "{hypotheses: [{name: H1, arm: rft, outcome: misrepresentation}]}",
        "misrepresentation",
        "where",
    ),
    hypothesis("a margin below none", "{hypotheses: [{name: H1, arm: rft, outcome: win_rate, margin: -2}]}", "margin"),
    hypothesis(
        "two hypotheses of one name",
        "{hypotheses: [{name: H1, arm: rft, outcome: win_rate}, {name: H1, arm: rft, outcome: win_rate}]}",
        "two hypotheses are called 'H1'",
    ),
    hypothesis(
        "a direction mistyped",
        "{hypotheses: [{name: H1, arm: rft, outcome: win_rate, direction: up}]}",
        "direction",
        "greater",
    ),
    hypothesis(
        "a look after the end",
        "{hypotheses: [{name: H1, arm: rft, outcome: win_rate}], looks: [9]}",
        "a look after 9 seeds: the page has 4",
    ),
    hypothesis(
        "a level that no factor has",
        "{hypotheses: [{name: H1, arm: rft, outcome: win_rate, where: {arena: shop}}]}",
        "shop",
    ),
    hypothesis("an alpha of a hundred", "{hypotheses: [{name: H1, arm: rft, outcome: win_rate}], alpha: 5}", "alpha"),
    hypothesis("nothing in what is declared", "{hypotheses: []}", "hypotheses"),
    # power
    Mistake("power of a page that is not there", "power none.yaml", ("none.yaml",)),
    Mistake("an effect in words", "power p.yaml --effect large", ("--effect",), files=page(BODY)),
    Mistake("an effect of nothing", "power p.yaml --effect 0", ("effect",), files=page(BODY)),
    Mistake("a power in percent", "power p.yaml --power 80", ("--power", "0.99"), files=page(BODY)),
    Mistake("a pilot that is not there", "power p.yaml --pilot pilot", ("pilot",), files=page(BODY), code=NO_RUN),
    Mistake("an outcome that nothing measures", "power p.yaml --outcome happiness", ("happiness",), files=page(BODY)),
    # verbs
    Mistake(
        "results before it began",
        "study results p.yaml",
        ("no study here: there is no such folder", "moloch study run"),
        files=page(BODY),
    ),
    Mistake(
        "the state before it began", "study status p.yaml", ("no study here", "moloch study run"), files=page(BODY)
    ),
    Mistake(
        "to try again before it began", "study retry p.yaml", ("no study here", "moloch study run"), files=page(BODY)
    ),
    Mistake(
        "to extend before it began", "study extend p.yaml", ("no study here", "moloch study run"), files=page(BODY)
    ),
    Mistake(
        "results by no factor",
        "study results study --by aren",
        ("no factor 'aren'", "Did you mean 'arena'?"),
        given=STUDY,
    ),
    Mistake("a table into no folder", "study results study --parquet no/where.parquet", ("no",), given=STUDY),
    Mistake("two forms of a table", "study results study --csv --latex", ("--csv",), given=STUDY),
    Mistake("a cell that there is not", "results study#sales", ("sales",), given=STUDY),
    Mistake("jobs in words", "study run p.yaml --jobs many", ("jobs", "many"), files=page(BODY)),
    Mistake("no jobs", "study run p.yaml --jobs 0", ("jobs",), files=page(BODY)),
    Mistake("an engine mistyped", "study run p.yaml --engine lokal", ("lokal", "local"), files=page(BODY)),
    Mistake(
        "an option of Slurm that is none",
        "study run p.yaml --engine slurm --slurm 2=long",
        ("2=long", "such as --slurm partition=long"),
        files=page(BODY),
    ),
    Mistake(
        "a page that is other than the study's",
        "study run study.yaml --out study",
        ("study",),
        given=(*STUDY, places.written("study.yaml", BODY)),
    ),
    Mistake(
        "a prereg of no kind",
        "study prereg p.yaml --out p.docx",
        ("p.docx", ".md"),
        files=declared("{hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}"),
    ),
    Mistake("a store of no kind", "study run p.yaml --store dropbox://x", ("dropbox",), files=page(BODY)),
    Mistake("nothing to fetch", "study fetch file:///nowhere/at/all", ("/nowhere/at/all",)),
    Mistake(
        "a page for a run",
        "run p.yaml",
        ("p.yaml: this is the page of a study", "moloch study run p.yaml"),
        files=page(BODY),
    ),
    Mistake(
        "a page whose study has not begun", "results p.yaml", ("no study here", "moloch study run"), files=page(BODY)
    ),
    Mistake(
        "a study resumed as a run is",
        "resume study",
        ("this is a study", "moloch study run study resumes it"),
        given=STUDY,
    ),
    Mistake(
        "a verb of no study",
        "study resume p.yaml",
        ("No such command 'resume'", "Did you mean 'run'? It begins a study, or resumes it."),
        files=page(BODY),
    ),
    Mistake("a verb mistyped", "study staus p.yaml", ("Did you mean 'status'?",), files=page(BODY)),
    Mistake("a comparison of a run with a study", "compare run study", ("run", "study"), given=(places.run(), *STUDY)),
    Mistake("a comparison by no factor", "compare study study --by colour", ("colour",), given=STUDY),
)
