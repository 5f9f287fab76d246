"""The quadsnet tables: the paper's numbers beside ours under both readings, and which data are here."""

from pathlib import Path

from medrepro.reproduce.papers.quadsnet.tables import here, table1, table2, table3, table4
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.printed.load import load_paper


def options(data: str = "embedded", root: Path | None = None, preset: str = "quick") -> Options:
    return Options(
        command="c", target="t", preset=preset, data=data, data_root=str(root) if root else None, out="runs/x"
    )


def test_table_3_has_both_readings_of_the_printed_columns() -> None:
    spec = table3(options("covid-ct")).spec
    readings = {column.metric: column.paper for column in spec.columns if column.paper}
    assert readings == {
        "image/sensitivity": "se", "image/ppv": "se", "image/specificity": "sp", "image/npv": "sp",
        "image/accuracy": "acc", "image/f1": "f1",
    }  # fmt: skip
    row = next(row for row in spec.rows if row.id == "theta2-qn")
    assert row.paper == {"se": "0.962", "sp": "1.000", "acc": "0.969", "f1": "0.980"}
    assert len(spec.rows) == 7
    cited = {column.metric: column.paper for column in table4(options()).spec.columns if column.paper}
    assert cited == {"image/sensitivity": "se", "image/specificity": "sp", "image/accuracy": "acc"}


def test_embedded_data_have_no_column_of_the_paper() -> None:
    assert all(column.paper is None for column in table3(options()).spec.columns)


def test_rows_that_quick_does_not_train_say_why() -> None:
    spec = table3(options("covid-ct")).spec
    blank = {row.id for row in spec.rows if row.reason}
    assert blank == {"theta2-dn", "theta2-in", "theta2-vg", "theta2-xc"}
    paper = table3(options("covid-ct", preset="paper"))
    assert not any(row.reason for row in paper.spec.rows)
    weights = {cell.row: cell.config["module"].get("weights") for cell in paper.cells}
    assert weights["theta2-rn"] == "imagenet"
    assert weights["theta2-qn"] is None


def test_data_are_found_below_the_root_the_papers_own_first(tmp_path: Path) -> None:
    for folder in ("covid_ct", "pneumonia_mnist"):
        (tmp_path / folder).mkdir()
    assert here(options("thetas", tmp_path)) == {"theta1": "pneumoniamnist", "theta2": "covid-ct"}
    (tmp_path / "chest_xray").mkdir()
    assert here(options("thetas", tmp_path))["theta1"] == "chest-xray"
    assert here(options("skin", tmp_path)) == {"theta3": "skin"}
    assert here(options()) == {}


def test_tables_1_and_4_run_what_is_there_and_leave_the_rest_blank(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for job in (table1(options("thetas", tmp_path)), table4(options("thetas", tmp_path))):
        assert {cell.config["data"]["data"] for cell in job.cells} == {"mnist"}
        assert job.spec.mixed_data
    blank = [row for row in table4(options("thetas", tmp_path)).spec.rows if row.id == "theta6-qn"]
    assert "needs malaria below --data-root" in blank[0].reason
    nothing = table4(options())
    assert nothing.cells == ()
    assert all(row.reason for row in nothing.spec.rows)


def test_table_2_prints_the_papers_counts() -> None:
    spec = table2(options()).spec
    printed = load_paper("quadsnet").table("2")
    assert {row.id: row.paper["parameters"] for row in spec.rows} == {
        name: printed.cell(name, "parameters").printed for name in printed.rows
    }


def test_the_printed_rates_share_one_prevalence_only_as_ppv_and_npv() -> None:
    """Sec. III-B: all models have one test set. Only one reading of the two columns agrees with that."""
    table = load_paper("quadsnet").table("3")
    for theta in ("theta1", "theta3"):
        rates, values = [], []
        for name in (row for row in table.rows if row.startswith(theta) and row != "theta3-qn"):
            first, second, accuracy, f1 = (table.value(name, column) or 0.0 for column in ("se", "sp", "acc", "f1"))
            rates.append((accuracy - second) / (first - second))
            recall = f1 * first / (2 * first - f1)
            values.append(1 / (recall / first + (1 - recall) / (1 - second)))
        assert max(rates) - min(rates) > 0.09
        assert max(values) - min(values) < 0.01
