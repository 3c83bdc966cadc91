"""Memory, zips, imports."""

from __future__ import annotations

from pathlib import Path

from bench import cold, memory
from bench.goals import Goal, Part, table


def sizes(directory: Path, *, quick: bool) -> Part:
    """Memory, zips, imports."""
    zips = memory.zips()
    imports = memory.edge_imports()
    foreign = memory.third_party(imports)
    goals = [
        Goal("size", "edge zip at most 75 KB", zips["EdgeFunction"] / 1000, 75),
        Goal("size", "modules at the edge that are neither edgecors' nor the standard library's", len(foreign), 0),
    ]
    peaks: dict[str, int] = {}
    if not quick:
        peaks = memory.peaks(cold.contenders(directory), directory)
        base = peaks[cold.EMPTY]
        more = {name: (peak - base) / 1024 for name, peak in peaks.items()}
        goals += [
            Goal("memory", "edge at most 8 MB over the empty handler", more[cold.EDGE], 8),
            Goal(
                "memory", "edge at most 18 MB over it with 100,000 origins", more[f"{cold.EDGE}, 100,000 origins"], 18
            ),
        ]
    text = []
    if peaks:
        rows = [
            [name, f"{peak / 1024:.1f}", f"{(peak - peaks[cold.EMPTY]) / 1024:+.1f}"] for name, peak in peaks.items()
        ]
        text.append(
            f"""Peak resident memory (`VmHWM`) of the function's own process after {memory.INVOCATIONS} invocations,
in MB. The 100,000 origins are in packed lists of at most 8 KB, which are read ten per call.

{table(["", "MB", "over the empty handler"], rows)}
"""
        )
    sources = memory.zip_bytes(cold.without_bytecode(cold.ARTIFACTS / "EdgeFunction", directory))
    text.append(table(["zip", "KB"], [[name, f"{size / 1000:,.1f}"] for name, size in zips.items()]))
    text.append(
        f"""
The edge's sources alone make {sources / 1000:,.1f} KB; the rest is bytecode, without which each cold start compiles
them."""
    )
    own = [name for name in imports if name.split(".")[0] in ("edgecors", "app")]
    rest = [name for name in imports if name not in own]
    text.append(
        f"""
The edge function loads {len(own)} modules of its own and {len(rest)} of the standard library in a bare interpreter,
many of which Lambda's runtime client has loaded already: `{"`, `".join(rest)}`."""
    )
    return Part("Memory and size", "\n".join(text), goals, {"peak_kilobytes": peaks, "zips": zips, "imports": imports})
