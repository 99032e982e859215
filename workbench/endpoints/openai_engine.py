"""Asks any OpenAI-compatible server, many questions at once, through the vendor's client."""

from __future__ import annotations

import asyncio
import queue
import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from governance import secrets
from governance.errors import AddressRefused, WorkbenchError
from governance.outbound.addresses import allowances
from workbench.endpoints.messages import with_files, with_schema_in_words
from workbench.endpoints.port import Answer, LoadBytes, Question

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion

    from workbench.endpoints.models import ModelEndpoint

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 60.0
# Of such an answer no word is shown: at that address may stand any service that this machine can reach.
TO_CHECK = "Check that the base URL is that of an OpenAI-compatible API (it usually ends in /v1), and its server's log"
NOT_JSON = f"its answer is not JSON, so it is no chat completion. {TO_CHECK}"
NO_COMPLETION = f"its answer is JSON but no chat completion. {TO_CHECK}"
MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,60}")


class Refusal(Exception):
    """An attempt that failed for good. The message is the answer's error, `plain` the same in our own words alone."""

    def __init__(self, message: str, *, plain: str = "") -> None:
        super().__init__(message)
        self.plain = plain or message


class OpenAIEngine:
    """One endpoint. Whether the server takes a response format is found out once and remembered."""

    def __init__(self, endpoint: ModelEndpoint, load_bytes: LoadBytes) -> None:
        self.endpoint = endpoint
        self.load_bytes = load_bytes
        self.key = secrets.reveal(endpoint.sealed_key)
        self.allowed = allowances()
        self.takes_schema = True

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """The calls run in an event loop of their own thread; the caller's thread stays free of it."""
        done: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(questions, done, stop), name="model-calls", daemon=True)
        thread.start()
        try:
            for _ in questions:
                arrived = done.get()
                if isinstance(arrived, BaseException):
                    raise arrived
                yield arrived
        finally:
            stop.set()
            thread.join()

    def _run(
        self,
        questions: Sequence[Question],
        done: queue.SimpleQueue[Answer | BaseException],
        stop: threading.Event,
    ) -> None:
        try:
            asyncio.run(self._ask_all(questions, done, stop))
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            done.put(error)

    async def _ask_all(
        self,
        questions: Sequence[Question],
        done: queue.SimpleQueue[Answer | BaseException],
        stop: threading.Event,
    ) -> None:
        """At most `max_in_flight` at a time; ends early once the caller has gone."""
        waiting = iter(questions)

        async def work(client: openai.AsyncOpenAI) -> None:
            for question in waiting:
                done.put(await self._answer(client, question))

        async with self._client() as client:
            hands = min(self.endpoint.max_in_flight, len(questions))
            workers = [asyncio.create_task(work(client)) for _ in range(hands)]
            watch = asyncio.create_task(_until(stop))
            over = asyncio.create_task(asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION))
            await asyncio.wait([watch, over], return_when=asyncio.FIRST_COMPLETED)
            for task in (watch, over, *workers):
                task.cancel()
            for ended in await asyncio.gather(*workers, return_exceptions=True):
                if isinstance(ended, Exception):  # what was cancelled is no Exception
                    raise ended

    def _client(self) -> openai.AsyncOpenAI:
        import openai

        from governance.outbound.clients import CheckedTransport

        transport = CheckedTransport(self.allowed, limits=openai.DEFAULT_CONNECTION_LIMITS)
        # Retries are counted here; a redirect could carry governed content to another host.
        return openai.AsyncOpenAI(
            base_url=self.endpoint.base_url,
            api_key=self.key or "none",
            max_retries=0,
            timeout=self.endpoint.timeout_seconds,
            http_client=openai.DefaultAioHttpClient(follow_redirects=False, transport=transport),
        )

    async def _answer(self, client: openai.AsyncOpenAI, question: Question) -> Answer:
        """Never raises for one question."""
        started, facts = time.monotonic(), {"attempts": 0, "model": self.endpoint.model_name}
        try:
            messages = await asyncio.to_thread(
                with_files, question.messages, lambda path: self.load_bytes(question, path)
            )
            completion = await self._attempts(client, question, messages, facts)
            text = _text(completion)
        except (Refusal, WorkbenchError, OSError) as error:
            facts["failure"] = getattr(error, "plain", str(error))
            return Answer(key=question.key, error=str(error), seconds=_since(started), facts=facts)
        usage = completion.usage
        return Answer(
            key=question.key,
            text=text,
            tokens_in=usage.prompt_tokens if usage else None,
            tokens_out=usage.completion_tokens if usage else None,
            seconds=_since(started),
            facts=facts | {"raw": completion.model_dump(mode="json", exclude_none=True)},
        )

    async def _attempts(
        self,
        client: openai.AsyncOpenAI,
        question: Question,
        messages: list[dict[str, Any]],
        facts: dict[str, Any],
    ) -> ChatCompletion:
        """:raises Refusal: the last attempt failed, or one in a way that no retry mends."""
        failed = 0
        while True:
            facts["attempts"] += 1
            with_schema = self.takes_schema and question.output_schema.get("type") == "object"
            try:
                return await self._call(client, question, messages, with_schema, facts)
            except _errors() as error:
                if with_schema and _is_about_format(error):
                    self.takes_schema = False
                    facts["response_format_refused"] = _words(error)
                    continue
                if isinstance(error.__cause__, AddressRefused):
                    raise Refusal(f"“{self.endpoint}” was not asked: {error.__cause__.message}") from error
                failed += 1
                if not _is_retried(error) or failed > self.endpoint.retries:
                    raise self._refusal(error, facts["attempts"]) from error
                await asyncio.sleep(_pause(error, failed))

    async def _call(
        self,
        client: openai.AsyncOpenAI,
        question: Question,
        messages: list[dict[str, Any]],
        with_schema: bool,
        facts: dict[str, Any],
    ) -> ChatCompletion:
        more: dict[str, Any] = {}
        if with_schema:
            schema = {"name": "answer", "schema": question.output_schema}
            more["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif question.output_schema:
            messages = with_schema_in_words(messages, question.output_schema)
        facts["response_format"] = "json_schema" if with_schema else "words" if question.output_schema else "none"
        async with asyncio.timeout(self.endpoint.timeout_seconds):
            try:
                answered = await client.chat.completions.create(
                    model=self.endpoint.model_name,
                    messages=messages,  # type: ignore[arg-type]
                    temperature=question.temperature,
                    max_tokens=question.max_tokens,
                    **more,
                )
            except JSONDecodeError as error:
                raise ValueError(NOT_JSON) from error
        if not _is_completion(answered):
            raise ValueError(NOT_JSON if isinstance(answered, str) else NO_COMPLETION)
        return answered

    def _refusal(self, error: Exception, attempts: int) -> Refusal:
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        if _ran_out_of_time(error):
            return Refusal(f"“{self.endpoint}” did not answer within {self.endpoint.timeout_seconds} s{tried}.")
        words, plain = (f"“{self.endpoint}” failed: {said}{tried}." for said in (_words(error), _plainly(error)))
        return Refusal(words, plain=plain)


def _ran_out_of_time(error: Exception) -> bool:
    """The client calls a refused connection a timeout too; what it was says its cause."""
    return isinstance(error, TimeoutError) or type(error.__cause__).__name__ == "ReadTimeout"


def _errors() -> tuple[type[Exception], ...]:
    import openai

    return (openai.OpenAIError, TimeoutError, ValueError)


def _is_about_format(error: Exception) -> bool:
    """A 400 that speaks of the response format: this server does not know it."""
    words = str(error).lower()
    return getattr(error, "status_code", None) == 400 and any(
        name in words for name in ("response_format", "json_schema", "response format")
    )


def _is_retried(error: Exception) -> bool:
    import openai

    status = getattr(error, "status_code", None)
    return status in RETRIED or isinstance(error, openai.APIConnectionError | TimeoutError)


def _pause(error: Exception, failed: int) -> float:
    """Seconds: what the server asked for with Retry-After, else twice as long each time, with chance added."""
    response = getattr(error, "response", None)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    if asked.replace(".", "", 1).isdigit():
        return min(float(asked), LONGEST_WAIT)
    return min(0.5 * 2 ** (failed - 1), LONGEST_WAIT) * (1 + random.random() / 4)  # noqa: S311 - spreads retries


def _words(error: Exception) -> str:
    """The message in the server's error, after its status; of any other body no word is shown."""
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    if not status or not isinstance(said, str) or not said.strip():
        return _plainly(error)
    return f"HTTP {status}: {' '.join(said.split())[:500].rstrip('.')}"


def _plainly(error: Exception) -> str:
    """Status, kind of content and what the status means, else what the client says: nothing that the server wrote."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        # A parser's error quotes what it could not read, such as the banner of another service.
        return f"no connection: {error.__cause__ if _is_transport(error.__cause__) else 'no HTTP is spoken there'}"
    if isinstance(error, openai.APIStatusError):
        kind = MEDIA_TYPE.match(error.response.headers.get("content-type", ""))
        return f"HTTP {error.status_code} ({kind[0] if kind else 'no content type'}): {_meaning(error.status_code)}"
    return " ".join(str(error).split())[:500].rstrip(".") or type(error).__name__


def _is_transport(error: BaseException | None) -> bool:
    import httpx

    return isinstance(error, httpx.TransportError)


def _meaning(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "no known status"


def _is_completion(answered: Any) -> bool:
    """The client takes any JSON for an answer; what is read of it must be of the kind that it should be."""
    choices = getattr(answered, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if not isinstance(getattr(message, "content", 0), str | None):
        return False
    counted = [getattr(answered.usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    return answered.usage is None or all(isinstance(count, int) for count in counted)


def _text(completion: ChatCompletion) -> str:
    """:raises Refusal: the model refused, or wrote nothing."""
    choice = completion.choices[0]
    if choice.message.refusal:
        raise Refusal(f"The model refused: {choice.message.refusal}", plain="The model refused.")
    if not choice.message.content:
        raise Refusal(
            f"The model wrote nothing (finish reason: {choice.finish_reason}).", plain="The model wrote nothing."
        )
    return choice.message.content


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


async def _until(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.1)
