"""results.csv has a row for every metric of every run."""

import json

from workflow.results_csv import write_csv


def test_results_csv_has_a_row_per_metric_and_seed(tmp_path):
    for seed in (0, 1):
        folder = tmp_path / f"seed-{seed}" / "01_a"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps({"notebook": "01_a", "seed": seed, "metrics": {"x": seed / 2}}))
    write_csv(tmp_path)
    assert (tmp_path / "results.csv").read_text().splitlines() == [
        "notebook,seed,metric,value",
        "01_a,0,x,0.0",
        "01_a,1,x,0.5",
    ]
