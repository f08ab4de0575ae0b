"""Writes tests/fixtures/tensorboard/events.bin with PyPI's tensorboard: the records that src/train/events.rs must write byte for byte.

    python -m venv VENV && VENV/bin/pip install tensorboard==2.20.0 && VENV/bin/python tests/tensorboard/generate.py
"""
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

PATH = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "tensorboard" / "events.bin"


def point(tag, step, value):
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])
    return event_pb2.Event(wall_time=1_700_000_001.0, step=step, summary=summary)


EVENTS = [
    event_pb2.Event(wall_time=1_700_000_000.125, file_version="brain.Event:2"),
    point("loss/total", 0, 2.5),
    point("loss/total", 300, 0.0),
    point("accuracy", 1 << 40, -1e-3),
    event_pb2.Event(wall_time=1_700_000_002.0, step=40, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)),
]

with PATH.open("wb") as file:
    writer = RecordWriter(file)
    for event in EVENTS:
        writer.write(event.SerializeToString())
    writer.flush()
