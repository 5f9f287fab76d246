from defusedxml import ElementTree

from medrepro.reproduce.papers.cellline.figures import draw_samples
from tests.reproduce.papers.cellline.conftest import Run


def test_figure_1_shows_one_image_of_each_line(run: Run) -> None:
    job = run("--figure", "1", execute=False)
    figure = draw_samples(job.cells[0].config["data"])
    text = ElementTree.tostring(ElementTree.fromstring(figure.svg()), encoding="unicode")
    assert text.count("<image") == text.count("image") or "image" in text
    assert len(figure.canvas.axes) == 8
    assert [axis.get_title() for axis in figure.canvas.axes][:2] == ["COLO-704", "COLO-704rCDDP1000"]


def test_figure_3_is_table_3s_networks(run: Run) -> None:
    figure, table = run("--figure", "3", execute=False), run("--table", "3", execute=False)
    assert [cell.config_sha256 for cell in figure.cells] == [cell.config_sha256 for cell in table.cells]
    assert figure.spec.kind == "Figure"
