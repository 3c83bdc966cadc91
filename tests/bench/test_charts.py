"""Charts are well-formed, say their figures in words, and are legible on dark ground."""

from xml.etree import ElementTree

from bench.charts import OWN, Bar, Line, bars, lines

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_their_values() -> None:
    drawing = bars(
        "A & B", [("near", [Bar("a", 10, "10 ms", OWN), Bar("b", 40, "40 ms")]), ("far", [Bar("a", 20, "20 ms")])]
    )
    tree = ElementTree.fromstring(drawing)
    widths = [float(rect.get("width", "")) for rect in tree.iter(f"{SVG}rect")]
    assert [round(width / widths[0]) for width in widths] == [1, 4, 2]
    assert tree.findtext(f"{SVG}title") == "A & B. near: a 10 ms, b 40 ms; far: a 20 ms."
    assert "prefers-color-scheme: dark" in drawing


def test_lines_go_from_corner_to_corner() -> None:
    drawing = lines(
        "falling",
        "From all to none.",
        [Line("share", [(0, 1), (60, 0)])],
        right=60,
        top=1,
        x_marks=[(0, "0 s"), (60, "60 s")],
        y_marks=[(0, "0"), (1, "100 %")],
        shaded=(10, 20),
    )
    tree = ElementTree.fromstring(drawing)
    (line,) = tree.iter(f"{SVG}polyline")
    (left, top), (right, bottom) = (map(float, point.split(",")) for point in line.get("points", "").split())
    assert left < right
    assert top < bottom
    assert tree.findtext(f"{SVG}title") == "falling. From all to none."
