#!/usr/bin/env python3
"""Reads event files of ours with the real TensorBoard (PyPI), in a virtual environment under the user's cache folder.

    tests/tensorboard/check.py            lets the test `a_run_of_two_parts` write a run and checks what TensorBoard reads
    tests/tensorboard/check.py FOLDER     prints the curves that TensorBoard finds in a folder of event files
"""
import os, pathlib, subprocess, sys, tempfile, venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sgcr"
PACKAGE = "tensorboard==2.20.0"


def in_environment():
    """Starts this file again with a Python that has TensorBoard."""
    folder = CACHE / "tensorboard-venv"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def curves(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: [(point.step, point.value, point.wall_time) for point in run.Scalars(tag)] for tag in run.Tags()["scalars"]}


def check_two_parts():
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "test", "--lib", "--", "train::events::tests::a_run_of_two_parts"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "SGCR_EVENTS_FOLDER": folder}, check=True)
        found = curves(folder)
    start = 1_700_000_000.0
    loss = [(step, (step if step < 40 else -step) / 8, start + step) for step in range(80)]
    assert found.get("loss/total") == loss, found.get("loss/total")
    assert [point[0] for point in found["rate"]] == list(range(80)), found["rate"]
    assert all(abs(point[1] - 1e-4) < 1e-11 for point in found["rate"])
    print(f"{PACKAGE} reads both parts as one run: {', '.join(f'{tag} {len(points)} steps' for tag, points in found.items())}")


try:
    import tensorboard  # noqa: F401
except ImportError:
    in_environment()
if len(sys.argv) > 1:
    for tag, points in curves(sys.argv[1]).items():
        print(f"{tag}: {len(points)} points, steps {points[0][0]} to {points[-1][0]}, last {points[-1][1]:.6g}")
else:
    check_two_parts()
