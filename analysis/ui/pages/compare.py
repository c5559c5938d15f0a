"""Two arms of a run, or two runs, beside each other."""

from __future__ import annotations

from pathlib import Path
from re import split
from typing import Any

from analysis.formats import count
from analysis.readings.apart import choices_apart
from analysis.readings.contests import Evaluation
from analysis.readings.society import SocietyKey
from analysis.tables.arm_pairs import pair_of_arms
from analysis.tables.compare import Comparison, compare
from analysis.tables.evaluation import comparator
from analysis.ui import lookups
from analysis.ui.address import END, PageAddress
from analysis.ui.data.anchors import AnchorSide
from analysis.ui.data.compare import arms_compared, compared
from analysis.ui.data.film import society_choices, society_of, society_options
from analysis.ui.data.looks import looks
from analysis.ui.data.partings import parting_words
from analysis.ui.data.questions import TO_CHOOSE
from analysis.ui.data.runs import cells_folder
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.live import use_version
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.anchors import AnchorPairs, Anchors
from analysis.ui.pages.diffusion import Linked, Rest, SocietyView
from moloch.errors import MolochError
from moloch.plain_text import near_paths


@solara.component
def Compare(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """Two arms of this run; or this run as A and another as B."""
    paths = library().paths()
    others = [key for key in paths if key != follower.key]
    study = cells_folder(follower.path)
    named = sorted(([key, _called(key, paths[key])] for key in others), key=_by_number)
    named.sort(
        key=lambda option: study is None or cells_folder(paths[option[0]]) != study
    )  # cells of the same study first
    asks = [[TO_CHOOSE, "choose a run"]] if address.other == TO_CHOOSE else []
    options = [*asks, ["", "arms of this run"], *named]
    picked = {"name": "other", "label": "Compare", "value": address.other, "options": options}
    if not address.other:
        Arms(follower, address, picked, go, rest)
        return
    other = library().follower(address.other)
    key, choices = follower.read(lambda book: society_choices(book, address))
    vue.Controls(
        choices=[picked, *choices] if other is not None else [picked], said="", event_chose=_chooser(address, go)
    )
    if other is None:
        vue.Notice(title="Compare with which run?", text="Choose one above: another run, or a fork of this one.")
        return
    WithOther(follower, other, address, key, go, rest).key(f"{follower.key} {other.key}")


def _called(key: str, path: Path) -> str:
    """Return a run's name in the list; a cell has that of its study before it, as on the command line."""
    study = cells_folder(path)
    return f"{study.name}#{path.name}" if study is not None else key


def _by_number(option: list[str]) -> list[tuple[int, str]]:
    """Return an option's place: numbers in names count as numbers, so that seed 2 stands before seed 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in split(r"(\d+)", option[1])]


def _chooser(address: PageAddress, go: vue.Go) -> Any:
    """Return what puts a choice into the address; another run has other anchors."""

    def chose(changed: dict[str, Any]) -> None:
        fresh = {"contest": ""} if changed["name"] != "epoch" else {}
        value = int(changed["value"]) if isinstance(getattr(address, changed["name"]), int) else changed["value"]
        go(address.at(**{changed["name"]: value}, **fresh).url)

    return chose


# -- arms of one run ---------------------------------------------------------------------------------------


@solara.component
def Arms(follower: Follower, address: PageAddress, picked: dict[str, Any], go: vue.Go, rest: Rest) -> None:
    """Two arms of this run, once its evaluations are read."""
    found = background.use_reading(lambda: lookups.evaluation(follower), follower)
    epoch, arms = _arms(found, address) if found is not None else (0, [])
    epochs = [str(each) for each in found.epochs] if found is not None else []
    when = {"name": "epoch", "label": "after epoch", "value": str(epoch), "options": [[each, each] for each in epochs]}
    if found is None or len(arms) < 2:
        some = [when] if len(epochs) > 1 else []
        vue.Controls(choices=[picked, *some], said="", event_chose=_chooser(address, go))
    if found is None:
        vue.Notice(title="Reading the log", text="Counting every vote of the evaluations.", busy=True)
    elif len(arms) < 2:
        text = (
            "Fewer than two arms have been evaluated so far. Another run, or a fork of this one, can be chosen above."
        )
        vue.Notice(title="No two arms", text=text, command="moloch ui RUN OTHER")
    else:
        arm, against = _two(found, arms, address)
        choices = [
            {"name": "arm", "label": "Arm", "value": arm, "options": [[each, each] for each in arms]},
            {
                "name": "against",
                "label": "with",
                "value": against,
                "options": [[each, each] for each in arms if each != arm],
            },
        ]
        if len(epochs) > 1:
            choices.append(when)
        vue.Controls(choices=[picked, *choices], said="", event_chose=_chooser(address, go))
        TwoArms(follower, found, arm, against, epoch, address, go, rest).key(f"{arm}\0{against}\0{epoch}")


@solara.component
def TwoArms(
    follower: Follower,
    found: Evaluation,
    arm: str,
    against: str,
    epoch: int,
    address: PageAddress,
    go: vue.Go,
    rest: Rest,
) -> None:
    """Their outcomes in pairs, and one anchor at a time."""

    def make() -> tuple[Any, ...]:
        pairs = pair_of_arms(found, arm, against, epoch)
        return found, pairs, choices_apart(found.of(against, epoch), found.of(arm, epoch))

    key = ("arms", arm, against, epoch, id(found))  # what is kept holds the evaluation, so that its id is nobody else's
    made = background.use_reading(lambda: follower.once(key, make), follower, arm, against, epoch)
    if made is None:
        vue.Notice(title="Comparing", busy=True, text="Pairing the votes of the same people.")
        return
    _, pairs, apart = made
    vue.CompareView(found=arms_compared(pairs, follower.key, arm, against, epoch), arms=True, event_go=go)
    book = follower.read(lambda book: book)
    order = [against, arm, *(each for each in found.arms() if each not in (arm, against))]
    of = {each: {contest.anchor: contest for contest in found.of(each, epoch)} for each in order}

    def sides(anchor: str) -> list[AnchorSide]:
        return [AnchorSide(each, follower.key, book, of[each].get(anchor)) for each in order if of[each]]

    shown = looks(book.config)
    society = [f"{follower.key} {SocietyKey('evaluate', each, epoch)}" for each in (against, arm)]
    beside = AnchorPairs(
        apart, sides, (against, arm), (against, arm), (society[0], society[1]), (shown.get(against), shown.get(arm))
    )
    Anchors(follower, beside, found.panel, address, go, rest)


def _arms(found: Evaluation, address: PageAddress) -> tuple[int, list[str]]:
    """Return the epoch that is looked at, by default the last one with two arms, and the arms that were evaluated after it."""
    of = {epoch: [arm for arm in found.arms() if found.of(arm, epoch)] for epoch in found.epochs}
    last = max((epoch for epoch, arms in of.items() if len(arms) > 1), default=max(of, default=0))
    epoch = address.epoch if address.epoch in of else last
    return epoch, of.get(epoch, [])


def _two(found: Evaluation, arms: list[str], address: PageAddress) -> tuple[str, str]:
    """Return the arm that is compared, and the one that it is compared with: what the run declares, unless the address says more."""
    declared = [arm for arm in arms if comparator(found, arm) in arms]
    arm = address.arm if address.arm in arms else (declared or arms)[0]
    against = address.against if address.against in arms and address.against != arm else comparator(found, arm)
    return arm, against if against in arms else next(each for each in arms if each != arm)


# -- two runs ----------------------------------------------------------------------------------------------


@solara.component
def WithOther(a: Follower, b: Follower, address: PageAddress, key: SocietyKey | None, go: vue.Go, rest: Rest) -> None:
    """Two runs; the other may still have to be read."""
    use_version(b)
    if b.ready.is_set():
        Read(a, b, address, key, go, rest)
    else:
        read = count(b.read(lambda book: book.seq), "event")
        vue.Notice(title="Reading the other log", busy=True, text=f"{read} so far.")


@solara.component
def Read(a: Follower, b: Follower, address: PageAddress, key: SocietyKey | None, go: vue.Go, rest: Rest) -> None:
    """Where two runs differ, one anchor at a time, and the same society of both; found beside the page, once for each pair of heads."""
    heads = (a.version, b.version)

    def find() -> tuple[Comparison, str] | str:
        try:
            found = compare(a.path, b.path)
        except MolochError as error:
            return near_paths(str(error))
        return found, _words(a, b, found)

    task = solara.lab.use_task(lambda: a.once(("compare", b.key, heads), find), dependencies=[a.key, b.key])
    comparison = str(task.exception) if task.error else task.value
    step = -1
    if comparison is None:
        vue.Notice(title="Comparing", busy=True, text="Comparing both logs, decision by decision.")
    elif isinstance(comparison, str):
        vue.Notice(title="They cannot be compared", text=comparison)
    else:
        found, words = comparison
        step = found.parting.step if found.parting is not None else -1
        where = a.read(lambda book: society_of(book, step))
        url = address.at(society=str(where), t=END).url if where not in (None, key) else ""
        vue.CompareView(found=compared(found, a.key, b.key, where, url, words), arms=False, event_go=go)
        if not found.identical:
            OneArm(a, b, address, go, rest)
    if key is not None:
        Both(a, b, address, key, go, rest, step)


def _words(a: Follower, b: Follower, found: Comparison) -> str:
    """Return the first decision that differs, in a sentence."""
    if found.parting is None:
        return ""
    sides = lookups.parted_side(a, found.parting.seq_a), lookups.parted_side(b, found.parting.seq_b)
    return parting_words(sides[0], sides[1]) if sides[0] is not None and sides[1] is not None else ""


@solara.component
def OneArm(a: Follower, b: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """What one arm wrote in both runs about the same anchors, and who chose differently."""
    read = background.use_reading(lambda: (lookups.evaluation(a), lookups.evaluation(b)), a, b)
    if read is None:
        vue.Notice(title="Reading both logs", text="Counting every vote of the evaluations.", busy=True)
        return
    one, other = read
    arms = [arm for arm in one.arms() if one.of(arm) and other.of(arm)]
    if not arms:
        return
    arm = address.arm if address.arm in arms else arms[0]
    apart = choices_apart(one.of(arm), other.of(arm))
    if not apart:
        vue.Caption(title="No common anchor", text=f"{arm} was evaluated on different anchors in each.")
        return
    if len(arms) > 1:
        options = [[each, each] for each in arms]
        picked = {"name": "arm", "label": "Arm", "value": arm, "options": options}
        vue.Controls(choices=[picked], said="", event_chose=parts.chooser(address, go))
    names, runs, of = ("A", "B"), (a, b), [{each.anchor: each for each in found.of(arm)} for found in read]
    books = [run.read(lambda book: book) for run in runs]

    def sides(anchor: str) -> list[AnchorSide]:
        return [
            AnchorSide(f"{arm} in {name}", run.key, book, contests.get(anchor))
            for name, run, book, contests in zip(names, runs, books, of, strict=True)
        ]

    societies = [
        f"{run.key} {SocietyKey('evaluate', arm, found.epochs[-1])}" for run, found in zip(runs, read, strict=True)
    ]
    words = (f"{arm} in A", f"{arm} in B")
    Anchors(
        a, AnchorPairs(apart, sides, words, (arm, arm), (societies[0], societies[1])), one.panel, address, go, rest
    ).key(arm)


@solara.component
def Both(a: Follower, b: Follower, address: PageAddress, key: SocietyKey, go: vue.Go, rest: Rest, parting: int) -> None:
    """Two graphs with one time: moving one moves the other."""
    linked = solara.use_memo(Linked, [str(key)])
    with solara.Div(classes=["m-pair"]):
        for letter, follower in (("A", a), ("B", b)):
            with solara.Div():
                Side(letter, follower, address, key, go, rest, linked, parting)


@solara.component
def Side(
    letter: str,
    follower: Follower,
    address: PageAddress,
    key: SocietyKey,
    go: vue.Go,
    rest: Rest,
    linked: Linked,
    parting: int,
) -> None:
    """One run's society."""
    caption, set_caption = solara.use_state("")
    vue.Caption(title=f"{letter}: {follower.key}", text=caption)
    if follower.read(lambda book: (str(key), key.label) not in society_options(book)):
        vue.Notice(title="No such society", text=f"{follower.key} has no {key.label} so far.")
        return
    own_address = address.at(run=follower.key, society=str(key))
    SocietyView(follower, key, own_address, go, rest, set_caption, linked, parting=parting).key(f"{follower.key} {key}")
