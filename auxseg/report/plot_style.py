"""How the report's plots look: colours, axes, legend, and the PNG of a figure."""

import io
from collections.abc import Mapping
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart with any colour vision.
BLUE, VERMILION, GREEN, ORANGE, PURPLE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#e69f00",
    "#cc79a7",
)
GREY = "#7a7f87"
INK = "#2d3036"
SOFT = "#676c75"
_GRID = "#e6e8eb"
_DPI = 200
WIDTH = 7.2  # of every figure, inches


def dress(axis: Axes, title: str, grid: Literal["x", "y"] = "y") -> None:
    """Give a plot its title, and lines across it from the values of one axis."""
    axis.set_title(title, loc="left", size=9.5, color=INK, pad=8)
    axis.grid(axis=grid, color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=SOFT, labelsize=8, length=0)
    for side, spine in axis.spines.items():
        spine.set_visible(side == ("bottom" if grid == "y" else "left"))
        spine.set_color("#b9bdc4")


def legend_above(figure: Figure, colors: Mapping[str, str]) -> None:
    """Name the colours of all of a figure's plots above them."""
    handles = [
        figure.axes[0].plot([], [], color=color, linewidth=4, label=name)[0]
        for name, color in colors.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=min(6, len(handles)),
        frameon=False,
        fontsize=8.5,
        handlelength=1.0,
        labelcolor=INK,
    )


def png(figure: Figure) -> bytes:
    """The figure's file: the same figure gives the same bytes."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
