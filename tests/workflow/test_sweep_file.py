"""Sweep files: which runs they ask for, where these lie, and one line, with its number, for what they cannot mean."""

import json
from pathlib import Path

import pytest
from conftest import ROOT, notebook

from workflow import chapters as entries
from workflow.chapters import chapters
from workflow.parameters import ParameterError
from workflow.sweep_file import read_sweep

ENTRIES = """
01_maker: {memory_mb: 500, headline: size}
02_taker:
  needs: {part: 01_maker/part.npz}
  shares: [size]
  memory_mb: 500
03_last: {needs: {part: 02_taker/part.npz}, shares: [level], memory_mb: 500}
08_comparison: {reads: results, memory_mb: 500}
"""
PARAMETERS = {
    "01_maker": "size: int = 16  # a\nlevel: float = 1.0  # b\n",
    "02_taker": "part: str = ''  # a\nsize: int = 16  # b\nlevel: float = 0.5  # c\nkind: str = 'x'  # d\n",
    "03_last": "part: str = ''  # a\nlevel: float = 0.5  # b\nmany: list[int] = [1, 2]  # c\n",
    "08_comparison": "chapters: list[str] = []  # a\n",
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read a sweep file with this text, of four small chapters."""
    monkeypatch.setattr(entries, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(entries, "ENTRIES", tmp_path / "chapters.yaml")
    (tmp_path / "chapters.yaml").write_text(ENTRIES)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.yaml").write_text("02_taker: {level: 0.25}\n")
    for name, parameters in PARAMETERS.items():
        source = "seed: int = 0  # all randomness\n" + parameters
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(notebook(("parameters", source))))

    def read(text):
        (tmp_path / "trial.yaml").write_text(text)
        return read_sweep(tmp_path / "trial.yaml", "quick", chapters("quick"))

    return read


def folders(sweep, name):
    return [run.folder for run in sweep.asked if run.name == name]


def test_without_a_grid_the_runs_are_those_of_make_report(read):
    sweep = read("seeds: [0, 2]\nnotebooks: {01_maker: , 03_last: }")
    assert [run.folder for run in sweep.asked] == [
        "reports/quick/seed-0/01_maker",
        "reports/quick/seed-0/03_last",
        "reports/quick/seed-2/01_maker",
        "reports/quick/seed-2/03_last",
    ]
    # What is needed is there too, and comes first.
    assert [name for name, where in sweep.runs if where.endswith("seed-2")] == ["01_maker", "02_taker", "03_last"]
    assert sweep.curves == {"01_maker": ["size"]} and sweep.axes == []


def test_every_combination_with_every_seed(read):
    sweep = read("seeds: [0, 1]\nnotebooks:\n  02_taker: {kind: [x, y], level: [0.25, 1, 2]}")
    found = {(run.seed, run.parameters["kind"], run.parameters["level"]) for run in sweep.asked}
    assert found == {(seed, kind, level) for seed in (0, 1) for kind in "xy" for level in (0.25, 1.0, 2.0)}
    assert len({run.folder for run in sweep.asked}) == 12 and sweep.axes == ["kind", "level"]


def test_equal_runs_of_two_sweeps_lie_in_one_folder_and_others_never_do(read):
    first = read("seeds: [0]\nnotebooks:\n  02_taker: {kind: [x, y], level: [1, 2]}")
    second = read("seeds: [0, 1]\nnotebooks:\n  02_taker: {level: 1.0, kind: [y, 'y ', y/]}")
    shared = set(folders(first, "02_taker")) & set(folders(second, "02_taker"))
    assert len(shared) == 1 and "kind-y" in shared.pop()
    assert len(set(folders(second, "02_taker"))) == 6
    # What the profile says anyway, here a level of a quarter, is no change.
    assert folders(read("seeds: [0]\nnotebooks: {02_taker: {level: 0.25}}"), "02_taker") == [
        "reports/quick/seed-0/02_taker"
    ]


def test_a_chapter_runs_on_each_setting_of_the_one_it_needs_with_the_same_seed(read):
    sweep = read("seeds: [0, 1]\nnotebooks:\n  02_taker: {kind: [x, y]}\n  03_last:")
    last = [run for run in sweep.asked if run.name == "03_last"]
    assert [(run.seed, run.needs["part"].parameters["kind"]) for run in last] == [
        (0, "x"),
        (0, "y"),
        (1, "x"),
        (1, "y"),
    ]
    assert all(run.needs["part"].seed == run.seed for run in last)
    assert last[1].given == {"part": f"{last[1].needs['part'].folder}/part.npz"}
    assert folders(sweep, "03_last")[0] == "reports/quick/seed-0/03_last"
    assert "kind-y" in folders(sweep, "03_last")[1]


def test_a_shared_parameter_has_one_value_in_a_chapter_and_in_what_it_needs(read):
    # 03 shares level with 02, which does not share it with 01; 02 shares size with 01.
    sweep = read("seeds: [0]\nnotebooks:\n  03_last: {level: [1, 2]}\n  02_taker: {level: [7], size: [3]}")
    last = [run for run in sweep.asked if run.name == "03_last"]
    taken = [run.needs["part"] for run in last]
    assert [run.parameters["level"] for run in last] == [run.parameters["level"] for run in taken] == [1.0, 2.0]
    assert (
        [run.parameters["size"] for run in taken] == [run.needs["part"].parameters["size"] for run in taken] == [3, 3]
    )
    assert {run.needs["part"].parameters["level"] for run in taken} == {1.0}
    assert [run.parameters["level"] for run in sweep.asked if run.name == "02_taker"] == [7.0]


def test_a_list_is_one_value_of_a_parameter_that_is_a_list(read):
    def values(text):
        return [run.parameters["many"] for run in read(f"seeds: [0]\nnotebooks: {{03_last: {{many: {text}}}}}").asked]

    assert values("[5, 6]") == [[5, 6]]
    assert values("[[5], [5, 6]]") == [[5], [5, 6]]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("seeds: [0]\nnotebooks:\n  09_none:\n", 3, "there is no notebook '09_none', only: 01_maker, 02_taker"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    sice: [1]\n", 4, "no parameter 'sice'; it has: level, seed, size"),
        ("notebooks: {01_maker: }\nseeds: [0, x]\n", 2, "a seed is a whole number, 0 or more, not 'x'"),
        ("notebooks: {01_maker: }\nseeds: [-1]\n", 2, "a seed is a whole number"),
        ("notebooks: {01_maker: }\nseeds: [4294967296]\n", 2, "a seed is at most 4294967295"),
        ("notebooks: {01_maker: }\nseeds: [1e3]\n", 2, "a seed is a whole number, 0 or more, not 1000.0"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    level: [.nan]\n", 4, "level must be a finite number, not nan"),
        ("seeds: [0]\nnotebooks:\n\t01_maker:\n", 3, "indent with spaces"),
        ("seeds: [0]\nnotebooks:\n  1: {size: 3}\n", 3, "there is no notebook '1', only: 01_maker"),
        ('seeds: [0]\nnotebooks:\n  01_maker: {"a\\nb": 3}\n', 3, "has no parameter 'a\\nb'"),
        ("seeds: [0]\nnotebooks: {01_maker: }\ncurves: {01_maker: [1]}\n", 3, "are a list of its metrics"),
        ("seeds: [0]\nnotebooks: {01_maker: {size: " + "[" * 3000, 1, "nested too deep"),
        ("seeds: [0]\nnotebooks:\n  01_maker: {level: {a: 1, a: 2}}\n", 3, "'a' is given twice"),
        ("notebooks: {01_maker: }\nseeds: 5\n", 2, "seeds are a list of whole numbers"),
        ("notebooks: {01_maker: }\nseeds: []\n", 2, "seeds are a list of whole numbers"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    size: []\n", 4, "size is an empty grid"),
        ("seeds: [0]\nnotebooks:\n  03_last:\n    many: []\n", 4, "many is an empty grid"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    size: [1, big]\n", 4, "size must be of type int, not 'big'"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    size: [1]\n    size: [2]\n", 5, "'size' is given twice"),
        ("seeds: [0]\nnotebooks:\n  01_maker: [3]\n", 3, "01_maker must be lines of `name: value`"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    seed: [1]\n", 4, "seed is no parameter to vary: seeds say which"),
        (
            "seeds: [0]\nnotebooks:\n  02_taker:\n    part: [a]\n",
            4,
            "part is no parameter to vary: it is a file of 01",
        ),
        ("seeds: [0]\nnotebooks:\n  08_comparison:\n    chapters: [a]\n", 4, "it has no grid"),
        ("seeds: [0]\nnotebooks: {01_maker: }\ncurves:\n  02_taker: [a]\n", 4, "none of this sweep's notebooks"),
        ("seeds: [0]\nnotebooks: {01_maker: }\ncurves:\n  01_maker: size\n", 4, "are a list of its metrics"),
        (
            "seeds: [0]\nnotebooks: {01_maker: }\nspeed: 3\n",
            3,
            "a sweep has no 'speed', only: seeds, notebooks",
        ),
        ("seeds: [0]\n", 1, "a sweep needs 'notebooks'"),
        ("seeds: [0]\nnotebooks: {01_maker: \n", 3, "not YAML"),
        ("seeds: !foo [0]\nnotebooks: {01_maker: }\n", 1, "not YAML: could not determine a constructor"),
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    size: [2024-13-45]\n", 4, "no value: month must be in 1..12"),
        ("notebooks: {01_maker: }\nseeds: &a [*a]\n", 2, "not YAML: found unconstructable recursive node"),
        ("seeds: [0]\n? [a, b]\n: 3\n", 2, "a sweep must be lines of `name: value`"),
        ("", 1, "a sweep must be lines of `name: value`"),
    ],
)
def test_what_a_sweep_cannot_mean_is_one_line_with_its_number(read, tmp_path, text, line, words):
    with pytest.raises(ParameterError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{tmp_path}/trial.yaml:{line}: ") and words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("01_maker: {needs: {part: 03_last/part.npz}, memory_mb: 1}", "needs 02_taker needs 01_maker"),
        (
            "01_maker: {needs: {part: 07_none/part.npz}, memory_mb: 1}",
            "01_maker needs 07_none, but notebooks/",
        ),
    ],
)
def test_a_loop_in_needs_is_one_line(read, tmp_path, entry, words):
    (tmp_path / "chapters.yaml").write_text(ENTRIES.replace("01_maker: {memory_mb: 500, headline: size}", entry))
    with pytest.raises(ParameterError) as caught:
        read("seeds: [0]\nnotebooks: {01_maker: }")
    assert str(caught.value).startswith("workflow/chapters.yaml:") and words in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("01_maker: 3", "01_maker must say at least how much it may hold"),
        ("01_maker: {memory_mb: 500, data: MNIST}", "data must be a list[str], not 'MNIST'"),
        ("01_maker: {memory_mb: 500, data: [1]}", "data must be of type str, not 1"),
        ("01_maker: {memory_mb: 500, needs: [a]}", "needs must be lines of `parameter: chapter/file`, not ['a']"),
        ("01_maker: {memory_mb: 500, needs: {1: a/b}}", "needs must be lines of `parameter: chapter/file`"),
        ("01_maker: {memory_mb: 500, needs: {part: 3}}", "needs must be of type str, not 3"),
        ("01_maker: {memory_mb: lots}", "memory_mb must be of type int, not 'lots'"),
        ("01_maker: {memory_mb: .inf}", "memory_mb must be of type int, not inf"),
        ("01_maker: {memory_mb: true}", "memory_mb must be of type int, not True"),
        ("01_maker: {memory_mb: 0}", "memory_mb must be 1 or more, not 0"),
        ("01_maker: {memory_mb: 500, minutes: -3}", "minutes must be 1 or more, not -3"),
        ("01_maker: {memory_mb: 500, gpu: 1}", "gpu must be of type bool, not 1"),
        ("01_maker: {memory_mb: 500, headline: [a]}", "headline must be of type str"),
        ("01_maker: {memory_mb: 500, memory_mb: 600}", "'memory_mb' is given twice"),
    ],
)
def test_what_an_entry_of_a_chapter_cannot_mean_is_one_line_with_its_number(read, tmp_path, entry, words):
    (tmp_path / "chapters.yaml").write_text(ENTRIES.replace("01_maker: {memory_mb: 500, headline: size}", entry))
    with pytest.raises(ParameterError) as caught:
        read("seeds: [0]\nnotebooks: {01_maker: }")
    assert "chapters.yaml:2: " in str(caught.value) and words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_chapters_that_are_not_a_mapping_are_one_line(read, tmp_path):
    (tmp_path / "chapters.yaml").write_text("- 01_maker")
    with pytest.raises(ParameterError, match=r"chapters.yaml:1: map the names of notebooks"):
        read("seeds: [0]\nnotebooks: {01_maker: }")


def test_a_file_that_is_not_there_is_one_line(read, tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    for name in ("none.yaml", "folder.yaml"):
        with pytest.raises(ParameterError, match="SWEEP: cannot read"):
            read_sweep(tmp_path / name, "quick", {})
    for name in ("", "a b.yaml", "a\nb.yaml"):
        with pytest.raises(ParameterError, match="SWEEP") as caught:
            read_sweep(Path(name), "quick", {})
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("path", sorted((ROOT / "workflow" / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("profile", ["quick", "standard", "original"])
def test_the_sweeps_of_the_project_can_be_read_in_every_profile(path, profile):
    sweep = read_sweep(path, profile, chapters(profile))
    assert len({run.seed for run in sweep.asked}) >= 3
    assert {run.name for run in sweep.asked} <= set(sweep.curves)
