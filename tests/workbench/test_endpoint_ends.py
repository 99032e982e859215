"""How asking a model ends: stopped by its caller, broken by an error in here, answered by what is no model."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest

from tests.workbench.fake_openai import running
from workbench.endpoints.models import ModelEndpoint
from workbench.endpoints.openai_engine import OpenAIEngine
from workbench.endpoints.port import Question

pytestmark = pytest.mark.usefixtures("db", "local_servers")


def engine(url: str, **fields) -> OpenAIEngine:
    named = {"name": "Small", "base_url": url, "model_name": "small", "timeout_seconds": 5, "retries": 0}
    return OpenAIEngine(ModelEndpoint(**named | fields), load_bytes=lambda question, path: b"")


def questions(count: int) -> list[Question]:
    asked = {"messages": [{"role": "user", "content": "Which?"}], "classification": 1}
    return [Question(key=str(number), **asked) for number in range(count)]


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_a_caller_that_stops_leaves_no_task_behind_that_asyncio_complains_of(caplog, delay):
    caplog.set_level(logging.WARNING, logger="asyncio")
    with running(delay=delay) as server:
        answers = engine(server.url, max_in_flight=4).answers(questions(40))
        next(answers)
        answers.close()  # what a cancelled job does
        gc.collect()  # asyncio reports an exception nobody took when it is thrown away

    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
    assert server.calls < 40
    assert not [thread for thread in threading.enumerate() if thread.name == "model-calls"]


def test_an_error_in_here_reaches_the_caller_once_and_ends_the_other_calls(caplog, monkeypatch):
    broken = engine("http://127.0.0.1:9/v1", max_in_flight=3)
    others: list[str] = []

    async def answer(client, question):
        if question.key == "1":
            raise RuntimeError("a fault of ours")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            others.append(question.key)
            raise

    monkeypatch.setattr(broken, "_answer", answer)

    with pytest.raises(RuntimeError, match="a fault of ours"):
        list(broken.answers(questions(3)))
    gc.collect()

    assert sorted(others) == ["0", "2"]
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("mode", ["malformed", "foreign", "foreign-json"])
def test_an_answer_that_is_no_completion_says_so_and_what_to_look_at(mode):
    with running(mode) as server:
        (answer,) = engine(server.url).answers(questions(1))

    assert ("its answer is JSON but" if mode == "foreign-json" else "its answer is not JSON") in answer.error
    assert "Check that the base URL is that of an OpenAI-compatible API" in answer.error
    assert "Expecting" not in answer.error and "secret" not in answer.error and "choices" not in answer.error
