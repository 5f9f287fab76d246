"""A W&B workspace that sets logged runs beside the papers' numbers: one section a table.

In: what :func:`~medrepro.reproduce.report.overview.compare` found, and the project that runs were logged to with
``--wandb``. Out: a
workspace of wandb-workspaces; :func:`save_workspace` sends it.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.report.overview import Comparison, Line

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Section, Workspace

NAME = "the papers beside ours"
WIDTH = 24  # columns of the workspace's grid


def build_workspace(found: Comparison, entity: str, project: str) -> "Workspace":
    """Return the workspace, unsaved: nothing is sent.

    Raises:
        InputError: wandb-workspaces is not installed.
    """
    if find_spec("wandb_workspaces") is None:
        raise InputError("a workspace needs wandb-workspaces: pip install 'medrepro[wandb]'")
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    tables: dict[tuple[str, str], list[Line]] = {}
    for line in found.lines:
        tables.setdefault((line.key, line.table), []).append(line)
    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[_section(key, table, lines) for (key, table), lines in tables.items()],
        settings=ws.WorkspaceSettings(x_axis="epoch", remove_legends_from_panels=False, max_runs=50),
        runset_settings=ws.RunsetSettings(
            groupby=[expr.Config(f"cell.{name}") for name in ("key", "table", "row")],
            pinned_columns=["run:displayName", *_pinned(found)],
        ),
        auto_generate_panels=False,
    )


def save_workspace(found: Comparison, entity: str, project: str) -> str:
    """Build and send the workspace; returns its address.

    Raises:
        InputError: W&B refused it, for a reason it states.
    """
    import wandb

    try:
        workspace: Any = build_workspace(found, entity, project)  # save() is not typed
        url: str = workspace.save().url
    except (wandb.Error, ValueError, OSError) as error:  # OSError: the network's
        raise InputError(f"W&B did not take the workspace for {entity}/{project}: {error}") from error
    return url


def _pinned(found: Comparison) -> list[str]:
    """The printed numbers and ours, as columns beside the runs."""
    labels = dict.fromkeys(line.quantity for line in found.lines if line.paper)
    return [f"summary:{whose}/{label}" for label in labels for whose in ("paper", "ours")]


def _section(key: str, table: str, lines: list[Line]) -> "Section":
    """One table: its numbers as they stand now, and for each printed quantity the paper's bar beside ours."""
    import wandb_workspaces.reports.v2.interface as wr
    import wandb_workspaces.workspaces as ws

    printed = list(dict.fromkeys(line.quantity for line in lines if line.paper))
    panels: list[Any] = [  # the library lists its sixteen kinds
        wr.MarkdownPanel(markdown=markdown(key, table, lines), layout=wr.Layout(x=0, y=0, w=WIDTH, h=9)),
        *(
            wr.BarPlot(
                title=f"{label}: paper and ours",
                metrics=[wr.SummaryMetric(f"paper/{label}"), wr.SummaryMetric(f"ours/{label}")],
                groupby=wr.Config("cell.row"),
                groupby_aggfunc="mean",
                layout=wr.Layout(x=0, y=9, w=WIDTH // 2, h=8),
            )
            for label in printed
        ),
        wr.LinePlot(
            title="validation loss",
            x="Step",
            y=["val/loss"],
            groupby=wr.Config("cell.row"),
            layout=wr.Layout(x=WIDTH // 2, y=9, w=WIDTH // 2, h=8),
        ),
        wr.RunComparer(diff_only=True, layout=wr.Layout(x=0, y=17, w=WIDTH, h=9)),
    ]
    return ws.Section(name=f"{key} · {table}", panels=panels, is_open=True)


def markdown(key: str, table: str, lines: list[Line]) -> str:
    """The table's numbers as Markdown, which W&B renders."""
    head = [f"**{key} · {table}**", "", "| row | quantity | paper | ours | 95 % | data |", "|:--|:--|--:|--:|--:|:--|"]
    return "\n".join([*head, *(_markdown_line(line) for line in lines)])


def _markdown_line(line: Line) -> str:
    ends = "" if line.low is None else f"[{line.low:.{line.digits}f}, {line.high:.{line.digits}f}]"
    paper = f"{line.paper} (other data)" if line.other_data else line.paper
    words = (line.row, line.quantity, paper, f"{line.ours} {line.spread}".strip(), ends, line.data)
    return f"| {' | '.join(word.replace('|', chr(92) + '|') for word in words)} |"
