"""Mistakes of somebody who has just installed it: commands and options mistyped, folders that are not there, no room, no patience."""

from __future__ import annotations

from tests.mistakes import places
from tests.mistakes.mistake import NO_RUN, Mistake

RUN = (places.run(),)
FILE = {"file": "x"}

NEWCOMER: tuple[Mistake, ...] = (
    # the command
    Mistake("a command mistyped", "rnu", ("No such command 'rnu'", "run")),
    Mistake("a command that others have", "train", ("No such command 'train'",)),
    Mistake("a command in capitals", "RUN", ("No such command 'RUN'",)),
    Mistake("an option mistyped", "run --epoch 1", ("No such option: --epoch", "--epochs")),
    Mistake("an option that other tools have", "run --gpu", ("No such option: --gpu",)),
    Mistake(
        "a setting as an option", "run --arms rft", ("It is a setting: --set arms=VALUE", "moloch config explain arms")
    ),
    Mistake("one dash", "run -epochs 1", ("No such option",)),
    Mistake("an option without its value", "run --seed", ("--seed", "requires an argument")),
    Mistake("a word for a number", "run --epochs two", ("--epochs", "integer")),
    Mistake("a fraction for a whole number", "run --seed 1.5", ("--seed", "integer")),
    Mistake("a flag with a value", "run --dry-run=yes", ("--dry-run", "does not take a value")),
    Mistake("a setting's value as an argument", "run sales", ("sales",)),
    Mistake(
        "a text in place of a file of people",
        f"run --personas {'a' * 300}",
        ("no file can have this name", "another option"),
    ),
    Mistake("two arguments for one", "run a.yaml b.yaml", ("unexpected extra argument", "b.yaml")),
    Mistake("no argument", "show", ("Missing argument", "RUN")),
    Mistake("a subcommand mistyped", "log verfy run", ("No such command 'verfy'", "verify"), given=RUN),
    Mistake("a group without a command", "log frobnicate", ("No such command 'frobnicate'",)),
    # its values
    Mistake("no epochs", "run --epochs 0", ("'epochs'", "it must be at least 1")),
    Mistake("epochs below none", "run --epochs -1", ("'epochs'",)),
    Mistake("a seed below none", "run --seed -5", ("'seed'",)),
    Mistake("a seed past the last one", "run --seed 99999999999", ("'seed'",)),
    Mistake("epochs without end", "run --epochs 1000000000 --dry-run", ("'epochs'", "it must be at most 10000")),
    Mistake(
        "people without end",
        "run --set resample=true --set held_out_personas=1000000000000",
        ("'held_out_personas'", "at most 1000000"),
    ),
    Mistake("an arena mistyped", "run --arena sale", ("unknown arena 'sale'", "sales")),
    Mistake("an arena in capitals", "run --arena Sales", ("unknown arena 'Sales'", "Did you mean 'sales'?")),
    Mistake("a world mistyped", "run --world network", ("'world'", "networked")),
    Mistake("a profile mistyped", "run --profile papr", ("no profile 'papr'", "paper")),
    Mistake("a model that is not here", "run --model gpt-4", ("no model 'gpt-4'", "moloch model list"), slow=True),
    Mistake("a model of a hub that is not here", "run --model Qwen/Qwen3-8B", ("Qwen/Qwen3-8B",)),
    Mistake("an audience mistyped", "run --audience nuetral", ("unknown audience 'nuetral'", "neutral")),
    Mistake("personas that are not there", "run --personas people.csv", ("people.csv",)),
    Mistake("personas mistyped", "run --personas biografic", ("biografic", "biographic")),
    Mistake("anchors that are not there", "run --anchors lamps", ("lamps",)),
    Mistake("a setting mistyped", "run --set epohcs=1", ("'epohcs'", "Did you mean 'epochs'?")),
    Mistake("the last part of a setting", "run --set lr=1", ("Did you mean 'lora.lr'?", "moloch config show --all")),
    Mistake("a setting without a value", "run --set epochs", ("'epochs' is not key=value", "For example")),
    Mistake("a setting with a space", "run --set epochs = 1", ("unexpected extra argument",)),
    Mistake("a setting with a colon", "run --set epochs:1", ("'epochs:1' is not key=value",)),
    Mistake("a setting within none", "run --set epochs.last=1", ("'epochs'",)),
    Mistake("a setting that is no YAML", "run --set 'arms=[rft'", ("arms=[rft", "YAML")),
    Mistake("a truth value for a number", "run --set epochs=yes", ("'epochs'",)),
    Mistake("an arm mistyped", "run --set arms=[rtf]", ("unknown method 'rtf'", "rft")),
    Mistake("no arms", "run --set arms=[]", ("arms",)),
    Mistake("an arm twice", "run --set arms=[rft,rft]", ("rft",)),
    Mistake("more anchors than there are", "run --set train_anchors=100000", ("100000", "256")),
    Mistake("one anchor held out", "run --set held_out_anchors=1", ("'held_out_anchors'",)),
    Mistake("more people than there are", "run --set train_personas=500", ("500", "20")),
    Mistake("too hot", "run --set sampling.temperature=-1", ("sampling.temperature",)),
    Mistake("one message a contest", "run --set messages=1", ("'messages'",)),
    Mistake(
        "nobody asked of letters in a network",
        "run --world networked --audience llm --set reader.answer=letters",
        ("letters",),
    ),
    Mistake("an extension that is not there", "run --extensions my_probes", ("my_probes",)),
    Mistake("a bound below none", "run --max-calls -1", ("--max-calls",)),
    Mistake("a setting to explain mistyped", "config explain lorra", ("no setting 'lorra'", "Did you mean 'lora.")),
    Mistake("nothing to explain", "config explain", ("Missing argument",)),
    Mistake("settings with no such one", "config show --set epochs=many", ("'epochs'", "it must be a whole number")),
    Mistake("a template over a file", "config template --out file", ("file: cannot write the file",), files=FILE),
    Mistake("a topic mistyped", "help peple", ("No such command 'peple'", "people")),
    Mistake(
        "a variable that sets nothing",
        "config show",
        ("MOLOCH_SET__LORRA", "Did you mean 'lora'?"),
        environment={"MOLOCH_SET__LORRA": "1"},
    ),
    # folders and files
    Mistake("settings that are not there", "run missing.yaml", ("missing.yaml",)),
    Mistake(
        "a run for settings", "run run", ("run: no settings here: it is a run", "resume run", "--like run"), given=RUN
    ),
    Mistake("a folder for settings", "run notes", ("notes: no settings here: it is a folder",), files={"notes/a": "x"}),
    Mistake("an empty file of settings", "run e.yaml --epochs 0", ("'epochs'",), files={"e.yaml": ""}),
    Mistake("settings that are no mapping", "run l.yaml", ("l.yaml", "mapping"), files={"l.yaml": "- epochs\n"}),
    Mistake("settings with a tab", "run t.yaml", ("t.yaml:2",), files={"t.yaml": "network:\n\tchurn: 1\n"}),
    Mistake("settings with a bracket open", "run b.yaml", ("b.yaml:",), files={"b.yaml": "arms: [rft\nepochs: 1\n"}),
    Mistake("a setting twice", "run d.yaml", ("d.yaml:2", "epochs"), files={"d.yaml": "epochs: 1\nepochs: 2\n"}),
    Mistake(
        "settings in another encoding",
        "run u.yaml",
        ("u.yaml", "UTF-8"),
        files={"u.yaml": "arena: s\xe4les".encode("latin-1")},
    ),
    Mistake(
        "settings that are a picture", "run p.png", ("p.png",), files={"p.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"}
    ),
    Mistake(
        "three mistakes at once",
        "run m.yaml",
        ("m.yaml:1:1", "m.yaml:2:1", "m.yaml:3:1"),
        files={"m.yaml": "epohcs: 1\narena: saels\nseed: x\n"},
    ),
    Mistake("a file where the run goes", "run --out file", ("file",), files=FILE),
    Mistake("a folder of other things where the run goes", "run --out notes", ("notes",), files={"notes/a.txt": "x"}),
    Mistake("a file on the way to where it goes", "run --out file/run", ("file",), files=FILE),
    Mistake("other settings where a run is", "run --out run --seed 7", ("run", "seed"), given=RUN),
    Mistake("a place that takes no folder", "run --out /proc/run", ("/proc/run",), slow=True),
    Mistake(
        "impatience", "run --extensions impatient", (), code=130, files={"impatient.py": "raise KeyboardInterrupt\n"}
    ),
    Mistake(
        "a run that is not there",
        "results runs/none",
        ("runs/none: no run here: there is nothing of that name",),
        code=NO_RUN,
    ),
    Mistake(
        "results of an empty folder",
        "results here",
        ("here: no run here",),
        code=NO_RUN,
        given=(places.empty("here"),),
    ),
    Mistake("results of a file", "results file", ("file: no run here",), code=NO_RUN, files=FILE),
    Mistake(
        "results of a folder without runs",
        "results .",
        ("no run here",),
        code=NO_RUN,
    ),
    Mistake("no runs for the browser", "ui --no-browser", ("runs",)),
    Mistake("a model to add that is not there", "model add nowhere", ("nowhere",)),
    Mistake("a model to add that is none", "model add notes", ("notes",), files={"notes/a.txt": "x"}),
    Mistake("a model to remove that is not there", "model remove nowhere", ("nowhere",)),
    Mistake("a model to show that is not there", "model show nowhere", ("nowhere",)),
)
