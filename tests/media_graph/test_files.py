"""Graphs from and to files, and where their members are drawn."""

from __future__ import annotations

import networkx as nx
import numpy as np
import polars as pl
import pytest

from media_graph import build, from_ties, layout, read_graph, stored_layout, write_graph
from moloch.errors import InputError

NAMES = ["Ada", "Ben", "Cleo", "7", "Eve"]


@pytest.mark.parametrize("suffix", ["graphml", "gexf", "csv", "parquet"])
@pytest.mark.parametrize("named", [True, False], ids=["names", "indices"])
def test_every_format_gives_back_what_was_written(tmp_path, suffix, named):
    """Ties, by names or by indices."""
    graph = build("followers", 5, 3, degree=2)
    path = tmp_path / f"graph.{suffix}"
    write_graph(graph, path, NAMES if named else None)
    again = read_graph(path, NAMES if named else 5)
    assert np.array_equal(again.indices, graph.indices) and np.array_equal(again.indptr, graph.indptr)


def test_an_undirected_graph_is_two_follows(tmp_path):
    """A GraphML file of an undirected graph, and a table that is said to be mutual."""
    nx.write_graphml(nx.path_graph(3), tmp_path / "line.graphml")
    (tmp_path / "line.csv").write_text("source,target\n0,1\n1,2\n")
    for found in (read_graph(tmp_path / "line.graphml", 3), read_graph(tmp_path / "line.csv", 3, mutual=True)):
        assert [found.neighbors(i).tolist() for i in range(3)] == [[1], [0, 2], [1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target\nAda,Ben\nAda,Zoe\n", r"ties.csv:3:target: 'Zoe' is not a member"),
        ("source,target\nAda,Ben\nBen,Ben\n", r"ties.csv:3: tie Ben -> Ben ties a member to itself"),
        ("source,target\nAda,Ben\nCleo,Ben\nAda,Ben\n", r"ties.csv:4: tie Ada -> Ben appears twice"),
        ("one,two\nAda,Ben\n", r"ties.csv:2: a tie without source: .* no such column among 'one', 'two'"),
        ("source,target\nAda\n", r"ties.csv"),
        ("source,target\nAda,12\n", r"'12' is not a member"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, text, message):
    """What, where, why."""
    path = tmp_path / "ties.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_graph(path, NAMES)


def test_other_files_are_refused(tmp_path):
    """No such file, no such format, not the format that it says."""
    with pytest.raises(InputError, match="no such file"):
        read_graph(tmp_path / "none.csv", 3)
    with pytest.raises(InputError, match="cannot read a graph"):
        read_graph(tmp_path / "graph.txt", 3)
    (tmp_path / "bad.graphml").write_text("<graphml><")
    with pytest.raises(InputError, match=r"bad\.graphml"):
        read_graph(tmp_path / "bad.graphml", 3)
    with pytest.raises(InputError, match="cannot write a graph"):
        write_graph(build("isolated", 3, 1), tmp_path / "graph.txt")


@pytest.mark.parametrize("suffix", ["graphml", "gexf", "csv", "parquet"])
def test_a_name_that_several_have_names_nobody(tmp_path, suffix):
    """It is refused where a tie uses it, and only there."""
    path, graph = tmp_path / f"graph.{suffix}", nx.DiGraph([("Ann", "Ben")])
    if suffix in ("graphml", "gexf"):
        (nx.write_graphml if suffix == "graphml" else nx.write_gexf)(graph, path)
    else:
        write_graph(from_ties(2, np.array([0]), np.array([1])), path, ["Ann", "Ben"])
    assert read_graph(path, ["Ann", "Ben", "Cleo", "Cleo"]).ties()[1].tolist() == [1]
    with pytest.raises(InputError, match="'Ann' is not one member: several"):
        read_graph(path, ["Ann", "Ben", "Ann"])


@pytest.mark.parametrize(
    ("persona", "found"), [(99, None), (-1, None), (1.5, None), (2.0, 2), ("a retired teacher", 0)]
)
def test_a_persona_that_is_a_number_is_a_members_index(tmp_path, persona, found):
    """Or it is refused, and never another member by the node's name; one that is a text is no index."""
    graph = nx.DiGraph([("0", "1")])
    graph.nodes["0"]["persona"] = persona
    nx.write_graphml(graph, tmp_path / "g.graphml")
    if found is None:
        with pytest.raises(InputError, match=rf"g\.graphml: node '0' has persona {persona}: personas are 0 to 3"):
            read_graph(tmp_path / "g.graphml", 4)
    else:
        assert read_graph(tmp_path / "g.graphml", 4).neighbors(found).tolist() == [1]


def test_space_around_a_name_does_not_count(tmp_path):
    """A table written of such names can be read; two that differ by it alone are one name of several."""
    (tmp_path / "g.csv").write_text("source,target\nAda , Ben\n")
    assert read_graph(tmp_path / "g.csv", [" Ben", "Ada  "]).neighbors(1).tolist() == [0]
    with pytest.raises(InputError, match="'Ada' is not one member"):
        read_graph(tmp_path / "g.csv", ["Ben", "Ada ", "Ada"])


@pytest.mark.system
def test_what_is_no_table_of_ties_is_refused(tmp_path):
    """Columns of lists; and two ties of a graph's file, which has no lines that could be told."""
    pl.DataFrame({"source": [[1]], "target": [2]}).write_parquet(tmp_path / "g.parquet")
    with pytest.raises(InputError, match=r"g\.parquet:row 1: not the name or index of a source: it is a list"):
        read_graph(tmp_path / "g.parquet", 4)
    nx.write_graphml(nx.MultiDiGraph([("0", "1"), ("0", "1")]), tmp_path / "g.graphml")
    with pytest.raises(InputError, match=r"g\.graphml: tie 0 -> 1 appears twice"):
        read_graph(tmp_path / "g.graphml", 4)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "Source,Target,Type,Id,Label,Weight\nAda,Ben,Directed,0,,1.0\nBen,Cleo,Directed,1,,2.5\n"),
        ("t.csv", '"","from","to"\n"1","Ada","Ben"\n"2","Ben","Cleo"\n'),
        ("t.CSV", "\ufeffFROM;To\r\nAda;Ben\r\nBen;Cleo\r\n"),
        ("t.tsv", "source\ttarget\nAda\tBen\n\t\nBen\tCleo\n"),
        ("t.csv", "source,target\n0.0,1.0\n1.0,2.0\n"),
        ("t.csv", ",source,target,weight\n0,0,1,0.5\n1,1,2,1\n"),
        ("t.edgelist", "# nodes\nAda Ben {'weight': 1}\nBen Cleo {}\n"),
        ("t.edges", "0 1\n1 2\n"),
        ("t.ncol", "Ada Ben 0.5\nBen Cleo 2\n"),
        ("t.jsonl", '{"source": "Ada", "target": "Ben"}\n{"source": 1, "target": 2}\n'),
    ],
    ids=["Gephi", "igraph in R", "European Excel", "tsv", "floats", "pandas", "networkx", "bare", "igraph", "json"],
)
def test_ties_as_others_export_them(tmp_path, name, text):
    """Headers of either case, and indices as floats."""
    (tmp_path / name).write_text(text)
    sources, targets = read_graph(tmp_path / name, NAMES).ties()
    assert (sources.tolist(), targets.tolist()) == ([0, 1], [1, 2])


def test_gephi_says_which_ties_stand_for_two(tmp_path):
    """Tie by tie."""
    (tmp_path / "t.csv").write_text("Source,Target,Type\nAda,Ben,Undirected\nBen,Cleo,Directed\n")
    graph = read_graph(tmp_path / "t.csv", NAMES)
    assert [graph.neighbors(i).tolist() for i in range(3)] == [[1], [0, 2], []]
    (tmp_path / "t.csv").write_text("Source,Target,Type\nAda,Ben,Undirected\nBen,Cleo,Directed\nBen,Ada,Undirected\n")
    with pytest.raises(InputError, match=r"t.csv:4: tie Ben -> Ada appears twice"):
        read_graph(tmp_path / "t.csv", NAMES)


@pytest.mark.parametrize("weight", ["inf", "nan", "1e300", "-1", "0", "heavy", "\x1b[31m"])
@pytest.mark.parametrize("suffix", ["csv", "ncol", "graphml"])
def test_a_weight_that_is_none_is_refused(tmp_path, suffix, weight):
    """Weights are not read; but a foe is no friend, and a tie of no weight none."""
    path = tmp_path / f"t.{suffix}"
    text = {
        "csv": f"source,target,weight\nAda,Ben,{weight}\n",
        "ncol": f"Ada Ben {weight}\n",
        "graphml": '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="w" for="edge" attr.name="weight" '
        'attr.type="string"/><graph edgedefault="directed"><node id="Ada"/><node id="Ben"/><edge source="Ada" '
        f'target="Ben"><data key="w">{weight}</data></edge></graph></graphml>',
    }[suffix]
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_graph(path, NAMES)
    assert f"t.{suffix}" in str(error.value) and "\x1b" not in str(error.value)
    assert "weight" in str(error.value) or (suffix == "graphml" and "not XML" in str(error.value))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("source,target\nAda,\n", "t.csv:2: a tie without target"),
        ("source,target\nAda,Ben\nBen,\n", "t.csv:3: a tie without target: the cell is empty, or"),
        ("source,target,source\nAda,Ben,Cleo\n", "t.csv:1: two columns are named 'source'"),
        ("Source,target,source\nAda,Ben,Cleo\n", "t.csv:2: two columns have one name: 'Source' and 'source'"),
        ("source,target\nAda,5.0\n", "'5.0' is not a member"),
        ("source,target\nAda," + "9" * 5_000 + "\n", "t.csv:2:target: '99999"),
    ],
)
def test_cells_that_name_nobody(tmp_path, text, says):
    """Are told with their line."""
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError) as error:
        read_graph(tmp_path / "t.csv", NAMES)
    assert says in str(error.value) and len(str(error.value).removeprefix(str(tmp_path))) < 300


@pytest.mark.parametrize("suffix", ["graphml", "gexf"])
def test_a_persona_index_needs_no_name(tmp_path, suffix):
    """It distinguishes members of the same name."""
    write_graph(from_ties(3, np.array([0, 1]), np.array([1, 2])), tmp_path / f"graph.{suffix}", ["Ann", "Ben", "Ann"])
    assert read_graph(tmp_path / f"graph.{suffix}", ["Ann", "Ben", "Ann"]).ties()[1].tolist() == [1, 2]


@pytest.mark.parametrize("suffix", ["graphml", "gexf"])
def test_what_came_out_can_be_written_onto_the_nodes(tmp_path, suffix):
    """Arrays become attributes that other programs read; tables of ties hold none."""
    graph, places = build("barabasi_albert", 6, 1, m=2), np.linspace(-1, 1, 6, dtype=np.float32)
    path = tmp_path / f"graph.{suffix}"
    write_graph(graph, path, attributes={"opinion": places, "community": np.arange(6) % 2})
    again = nx.read_graphml(path) if suffix == "graphml" else nx.read_gexf(path)
    assert [again.nodes[str(i)]["opinion"] for i in range(6)] == pytest.approx(places.tolist())
    assert [again.nodes[str(i)]["community"] for i in range(6)] == [0, 1] * 3
    with pytest.raises(InputError, match="holds ties only"):
        write_graph(graph, tmp_path / "ties.csv", attributes={"opinion": places})


class TestLayout:
    """Places."""

    @pytest.mark.parametrize("n", [0, 1, 2, 50, 3000])
    def test_is_a_function_of_ties_and_seed(self, n):
        """Within -1 .. 1, finite, the same again."""
        graph = build("erdos_renyi", n, 1, p=min(1.0, 6 / max(1, n)))
        places = layout(graph, 1)
        assert places.shape == (n, 2) and np.isfinite(places).all() and (np.abs(places) <= 1).all()
        assert np.array_equal(places, layout(graph, 1))

    @pytest.mark.parametrize("n", [200, 3000])
    def test_contacts_stand_nearer_than_strangers(self, n):
        """Two communities come apart."""
        sizes = [n // 2, n - n // 2]
        graph = build("stochastic_block", n, 1, sizes=sizes, matrix=[[20 / n, 0.5 / n], [0.5 / n, 20 / n]])
        places, (sources, targets) = layout(graph, 1), graph.ties()
        strangers = np.random.default_rng(0).permutation(targets)
        near, far = (np.linalg.norm(places[sources] - places[other], axis=1).mean() for other in (targets, strangers))
        assert near < 0.8 * far

    def test_communities_come_apart(self):
        """Of sixteen in 2,400 members, nine in ten members stand nearest to the middle of their own."""
        community = np.repeat(np.arange(16), 150)
        matrix = np.full((16, 16), 3 / 2250) + np.eye(16) * 10 / 150
        graph = build("stochastic_block", 2400, 1, sizes=[150] * 16, matrix=matrix.tolist())
        places = layout(graph, 1)
        middles = np.stack([places[community == c].mean(axis=0) for c in range(16)])
        nearest = np.linalg.norm(places[:, None] - middles[None], axis=2).argmin(axis=1)
        assert (nearest == community).mean() > 0.9

    def test_is_stored(self, tmp_path, monkeypatch):
        """Computed once; a damaged file is computed again."""
        graph = build("erdos_renyi", 60, 1, degree=4)
        first = stored_layout(graph, tmp_path)
        (path,) = tmp_path.iterdir()
        monkeypatch.setattr("media_graph.layouts.layout", lambda csr, seed: 1 / 0)
        assert np.array_equal(stored_layout(graph, tmp_path), first)
        monkeypatch.undo()
        whole = path.read_bytes()
        for other in (whole[:50], whole[:-4] + b"\0\0\x80\x3f", b""):
            path.write_bytes(other)
            assert np.array_equal(stored_layout(graph, tmp_path), first), "one that was edited was believed"
            assert path.read_bytes() == whole

    def test_nothing_need_be_written(self, tmp_path):
        """Where the folder cannot be, a layout is computed each time."""
        (tmp_path / "file").touch()
        graph = build("erdos_renyi", 60, 1, degree=4)
        assert np.array_equal(stored_layout(graph, tmp_path / "file" / "layouts"), layout(graph))


class TestNames:
    """A member is who is called so, never somebody else in silence."""

    @pytest.mark.parametrize("text", ["1.0,2.0", "1,2", " 1 ,2.00"])
    def test_that_are_numbers_are_names(self, tmp_path, text):
        """However they are written: no index stands for another member."""
        (tmp_path / "t.csv").write_text(f"source,target\n{text}\n")
        assert read_graph(tmp_path / "t.csv", ["1", "2", "3"]).neighbors(0).tolist() == [1]
        (tmp_path / "t.jsonl").write_text('{"source": 1.0, "target": 2}\n')
        assert read_graph(tmp_path / "t.jsonl", ["1", "2", "3"]).neighbors(0).tolist() == [1]

    def test_among_numbers_an_index_is_nobody(self, tmp_path):
        """Member "1" is not who stands at 0."""
        (tmp_path / "t.csv").write_text("source,target\n0,2\n")
        with pytest.raises(
            InputError, match=r"t\.csv:2:source: '0' is not a member: members are 1 \.\.\. \(3\), which are names"
        ):
            read_graph(tmp_path / "t.csv", ["1", "2", "3"])

    def test_accents_are_parts_of_letters(self, tmp_path):
        """macOS writes them apart."""
        (tmp_path / "t.csv").write_text("source,target\nZoe\u0308,Ada\n", "utf-8")
        assert read_graph(tmp_path / "t.csv", ["Ada", "Zo\u00eb"]).neighbors(1).tolist() == [0]

    def test_a_truth_value_is_no_index(self, tmp_path):
        """Also after a 1 was seen."""
        (tmp_path / "t.jsonl").write_text('{"source": 1, "target": 2}\n{"source": true, "target": 0}\n')
        with pytest.raises(InputError, match=r"t\.jsonl:2:source: True is not a member"):
            read_graph(tmp_path / "t.jsonl", 3)

    def test_two_columns_for_one_end(self, tmp_path):
        """Are refused, unless one is called by the name that needs no other."""
        (tmp_path / "t.csv").write_text("follower,target,src\nAda,Ben,Cleo\n")
        with pytest.raises(InputError, match=r"t\.csv:2: two columns for the source of a tie: 'src' and 'follower'"):
            read_graph(tmp_path / "t.csv", NAMES)
        (tmp_path / "t.csv").write_text("source,target,from,to\nAda,Ben,2001,2005\n")
        assert read_graph(tmp_path / "t.csv", NAMES).neighbors(0).tolist() == [1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.edgelist", "Ada Ben {'color': 'red', 'weight': -3}\n"),
        ("t.graphml", '<key id="w" for="edge" attr.name="Weight" attr.type="double"/>'),
        ("t.graphml", '<key id="w" for="edge" attr.name="weight" attr.type="double"><default>-4</default></key>'),
    ],
    ids=["of networkx", "of Gephi", "by default"],
)
def test_a_foe_is_no_friend(tmp_path, name, text):
    """Wherever the weight stands."""
    if name == "t.graphml":
        data = '<data key="w">-4</data>' if "Weight" in text else ""
        nodes = f'<node id="Ada"/><node id="Ben"/><edge source="Ada" target="Ben">{data}</edge>'
        graph = f'<graph edgedefault="directed">{nodes}</graph>'
        text = f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{text}{graph}</graphml>'
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"a tie of weight '?-[34]"):
        read_graph(tmp_path / name, NAMES)
