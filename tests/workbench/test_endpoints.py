"""Asking models: through the vendor's client against a server over real sockets."""

from __future__ import annotations

import base64
import threading
import time
from html import unescape

import openai
import pytest
from django.urls import reverse

from governance.errors import InvalidInput, NotPermitted
from governance.uses import Classification
from tests.workbench.fake_openai import running
from workbench.endpoints import services
from workbench.endpoints.errors import EndpointInactive, KeyNotAllowed
from workbench.endpoints.models import ModelEndpoint
from workbench.endpoints.port import Answer, Question

pytestmark = pytest.mark.usefixtures("db", "local_servers")

SCHEMA = {"type": "object", "properties": {"species": {"type": "string"}}, "required": ["species"]}


def question(key: str = "q", **values) -> Question:
    values = {"messages": [{"role": "user", "content": "Which?"}], "classification": 1} | values
    return Question(key=key, **values)


def unsaved(url: str, **values) -> ModelEndpoint:
    fields = {"name": "Small", "base_url": url, "model_name": "small", "timeout_seconds": 5, "retries": 1}
    return ModelEndpoint(**fields | values)


def ask(endpoint: ModelEndpoint, *questions: Question, load_bytes=None) -> dict[str, Answer]:
    got: list[Answer] = []
    services.answer_all(endpoint=endpoint, questions=questions, on_answer=got.append, load_bytes=load_bytes)
    assert len(got) == len({answer.key for answer in got})
    return {answer.key: answer for answer in got}


def test_the_fake_server_speaks_what_the_vendors_client_understands():
    with running() as server, openai.OpenAI(base_url=server.url, api_key="k", max_retries=0) as client:
        models = client.models.list().data
        answered = client.chat.completions.create(model="small", messages=[{"role": "user", "content": "hi"}])

        assert [model.id for model in models] == ["small"]
        assert answered.choices[0].message.content == server.content

        server.mode = "429-then-ok"
        server.requests.clear()
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="small", messages=[{"role": "user", "content": "hi"}])


def test_an_answer_brings_text_tokens_time_and_the_raw_answer():
    with running() as server:
        answer = ask(unsaved(server.url), question(output_schema=SCHEMA, temperature=0.3, max_tokens=50))["q"]

    assert (answer.text, answer.error) == ('{"species": "setosa"}', "")
    assert (answer.tokens_in, answer.tokens_out) == (11, 5)
    assert answer.seconds > 0
    assert answer.facts["raw"]["id"] == "chatcmpl-1"
    assert answer.facts["response_format"] == "json_schema"
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("small", 0.3, 50)
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA


def test_the_stored_key_is_sent_and_never_stored_in_clear(db, engineer):
    with running() as server:
        made = services.create_endpoint(
            by=engineer, name="Keyed", base_url=server.url, model_name="small", api_key="sk-very-secret"
        )
        ask(made, question())

    assert "sk-very-secret" not in made.sealed_key
    assert "sk-very-secret" not in str(list(ModelEndpoint.history.values()))
    assert server.keys == ["Bearer sk-very-secret"]


def test_a_server_that_refuses_the_response_format_is_asked_in_words_and_the_facts_say_so():
    with running("no-format") as server:
        answers = ask(
            unsaved(server.url, max_in_flight=1),
            question("a", output_schema=SCHEMA),
            question("b", output_schema=SCHEMA),
        )

    assert answers["a"].error == answers["b"].error == ""
    assert answers["a"].facts["response_format"] == "words"
    assert "response_format" in answers["a"].facts["response_format_refused"]
    assert server.calls == 3, "found out once, then remembered"
    assert '"species"' in server.requests[1]["messages"][-1]["content"]


def test_another_bad_request_is_an_error_and_not_asked_again():
    with running("bad-request") as server:
        answer = ask(unsaved(server.url), question(output_schema=SCHEMA))["q"]

    assert "HTTP 400" in answer.error and "does not exist" in answer.error
    assert server.calls == 1


def test_a_failing_server_is_asked_again_as_often_as_allowed():
    with running("500") as server:
        answer = ask(unsaved(server.url, retries=1), question())["q"]

    assert "HTTP 500: boom" in answer.error
    assert "2 attempts" in answer.error
    assert server.calls == answer.facts["attempts"] == 2


def test_a_server_that_asks_for_patience_gets_it():
    with running("429-then-ok") as server:
        started = time.monotonic()
        answer = ask(unsaved(server.url), question())["q"]

    assert answer.error == ""
    assert answer.facts["attempts"] == server.calls == 2
    assert time.monotonic() - started >= 1, "Retry-After was 1 second"


def test_a_slow_server_is_given_up_at_the_time_limit():
    with running("timeout") as server:
        answer = ask(unsaved(server.url, timeout_seconds=1, retries=0), question())["q"]

    assert "did not answer within 1 s" in answer.error
    assert answer.seconds < 2.5


@pytest.mark.parametrize(
    ("mode", "words"), [("malformed", "failed"), ("refusal", "I will not."), ("redirect", "307")]
)
def test_what_is_no_answer_becomes_an_error_in_words(mode, words):
    with running(mode) as server:
        answer = ask(unsaved(server.url, retries=0), question())["q"]

    assert words in answer.error
    assert answer.text == ""
    assert server.calls == 1


def test_text_that_is_no_json_is_passed_on_as_it_is():
    with running("not-json") as server:
        answer = ask(unsaved(server.url), question(output_schema=SCHEMA))["q"]

    assert (answer.text, answer.error) == ("not json at all", "")


def test_nobody_at_the_address_is_an_error_of_each_question():
    with running() as server:
        url = server.url

    answers = ask(unsaved(url, retries=0), question("a"), question("b"))

    assert set(answers) == {"a", "b"}
    assert all(
        "no connection: Cannot connect to host 127.0.0.1" in answer.error for answer in answers.values()
    )


def test_as_many_calls_are_in_flight_as_the_endpoint_allows_and_no_more():
    with running(delay=0.3) as server:
        answers = ask(unsaved(server.url, max_in_flight=8), *[question(str(number)) for number in range(24)])

    assert len(answers) == 24
    assert not any(answer.error for answer in answers.values())
    assert 5 <= server.most_busy <= 8


def test_answers_arrive_in_the_callers_thread_and_an_exception_there_stops_the_calls():
    class Cancelled(Exception):
        pass

    threads = []

    def stop(answer: Answer) -> None:
        threads.append(threading.current_thread())
        raise Cancelled

    with running(delay=0.2) as server, pytest.raises(Cancelled):
        services.answer_all(
            endpoint=unsaved(server.url, max_in_flight=2),
            questions=[question(str(number)) for number in range(50)],
            on_answer=stop,
        )

    assert threads == [threading.current_thread()]
    assert server.calls < 10


def test_a_row_above_the_endpoints_classification_never_leaves():
    with running() as server:
        endpoint = unsaved(server.url, max_classification=Classification.INTERNAL)
        answers = ask(endpoint, question("secret", classification=3), question("plain", classification=1))

    assert "restricted" in answers["secret"].error and "internal at most" in answers["secret"].error
    assert answers["plain"].error == ""
    assert server.calls == 1


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def test_files_are_read_from_the_volume_and_sent_as_data_urls():
    files = {"s.v/a.png": PNG, "s.v/b.pdf": b"%PDF-1.4 x"}
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image", "path": "s.v/a.png"},
        {"type": "file", "path": "s.v/b.pdf"},
    ]
    with running() as server:
        ask(
            unsaved(server.url),
            question(messages=[{"role": "user", "content": parts}]),
            load_bytes=lambda question, path: files[path],
        )

    text, image, file = server.requests[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "Look"}
    assert image["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert file["file"]["filename"] == "b.pdf"
    assert file["file"]["file_data"].startswith("data:application/pdf;base64,")


def test_a_file_that_is_gone_or_too_large_is_an_error_of_that_question_alone(monkeypatch):
    monkeypatch.setattr("workbench.endpoints.messages.MAX_FILE_BYTES", 10)

    def load(question: Question, path: str) -> bytes:
        if question.key == "gone":
            raise InvalidInput("Volume 's.v' has no file 'a.png'.")
        return b"x" * 11

    parts = [{"type": "image", "path": "s.v/a.png"}]
    with running() as server:
        answers = ask(
            unsaved(server.url),
            question("gone", messages=[{"role": "user", "content": parts}]),
            question("large", messages=[{"role": "user", "content": parts}]),
            question("fine"),
            load_bytes=load,
        )

    assert "has no file" in answers["gone"].error
    assert "11 bytes" in answers["large"].error
    assert answers["fine"].error == ""
    assert server.calls == 1


def test_an_endpoint_that_is_switched_off_answers_nothing():
    with running() as server, pytest.raises(EndpointInactive, match="switched off"):
        ask(unsaved(server.url, is_active=False), question())


def test_an_engine_that_is_not_installed_says_so(settings):
    answer = ask(ModelEndpoint(name="N", engine="unheard-of"), question())["q"]

    assert "No engine “unheard-of” is installed" in answer.error


def test_the_test_button_asks_for_real(db, engineer, viewer):
    with running() as server:
        made = services.create_endpoint(by=engineer, name="Small", base_url=server.url, model_name="small")
        answer = services.test_endpoint(endpoint=made, by=engineer)

        assert (answer.error, answer.tokens_in) == ("", 11)
        assert server.calls == 1
        with pytest.raises(NotPermitted):
            services.test_endpoint(endpoint=made, by=viewer)
    assert server.calls == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"base_url": ""}, "base_url"),
        ({"model_name": ""}, "model_name"),
        ({"base_url": "ftp//nowhere"}, "base_url"),
        ({"retries": 11}, "retries"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"name": "Taken"}, "name"),
        ({"max_classification": 9}, "max_classification"),
    ],
)
def test_a_bad_value_is_refused_with_its_field(db, engineer, fields, field):
    fine = {"base_url": "http://localhost:1/v1", "model_name": "small"}
    services.create_endpoint(by=engineer, name="Taken", **fine)

    with pytest.raises(InvalidInput) as refused:
        services.create_endpoint(by=engineer, **{"name": "New", **fine, **fields})

    assert refused.value.field == field


@pytest.mark.parametrize(
    "reference", ["env:WORKBENCH_SECRET_KEY", "env:DATABASE_URL", "env:", "env:path_TOKEN"]
)
def test_a_reference_to_the_environment_may_name_model_keys_only(db, engineer, reference):
    with pytest.raises(KeyNotAllowed):
        services.create_endpoint(
            by=engineer, name="E", base_url="http://localhost:1/v1", model_name="m", api_key=reference
        )


def test_a_key_in_the_environment_stays_a_reference(db, engineer, monkeypatch):
    monkeypatch.setenv("SMALL_API_KEY", "sk-env")
    with running() as server:
        made = services.create_endpoint(
            by=engineer, name="E", base_url=server.url, model_name="m", api_key="env:SMALL_API_KEY"
        )
        ask(made, question())

    assert made.sealed_key == "env:SMALL_API_KEY"
    assert server.keys == ["Bearer sk-env"]


def test_a_stored_key_does_not_move_to_another_server(db, engineer):
    made = services.create_endpoint(
        by=engineer, name="E", base_url="https://models.example/v1", model_name="m", api_key="sk-1"
    )

    with pytest.raises(KeyNotAllowed, match=r"belongs to https://models\.example"):
        services.update_endpoint(endpoint=made, by=engineer, base_url="https://evil.example/v1")
    moved = services.update_endpoint(
        endpoint=made, by=engineer, base_url="https://other.example/v1", api_key="sk-2", reason="moved"
    )

    assert moved.base_url == "https://other.example/v1"
    assert moved.history.first().history_change_reason == "moved"


def address_of(endpoint: ModelEndpoint, step: str = "test") -> str:
    return reverse("admin:workbench_modelendpoint_step", args=[endpoint.pk, step])


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("foreign", "no chat completion"),
        ("foreign-error", "HTTP 418 (text/plain): I&#x27;m a Teapot"),
        ("foreign-json", "no chat completion"),
        ("foreign-message", "HTTP 404 (application/json): Not Found"),
        ("foreign-banner", "no HTTP is spoken there"),
        ("refusal", "The model refused."),
    ],
)
def test_the_test_button_shows_no_word_that_the_server_wrote(db, engineer, client, api, mode, told):
    client.force_login(engineer)
    with running(mode) as server:
        made = services.create_endpoint(by=engineer, name="Elsewhere", base_url=server.url, model_name="m", retries=0)
        page = client.post(address_of(made), follow=True).content.decode()
        answer = api(engineer).post(f"/api/v1/endpoints/{made.pk}/test/").content.decode()

    assert told in page and unescape(told) in answer
    assert "secret" not in page + answer and "I will not" not in page + answer


@pytest.mark.parametrize("mode", ["foreign-error", "foreign-banner", "foreign-json"])
def test_an_error_quotes_no_body_that_is_no_models(mode):
    with running(mode) as server:
        answer = ask(unsaved(server.url, retries=0), question())["q"]

    assert answer.error and "secret" not in answer.error


def test_only_who_may_change_an_endpoint_tests_it(db, engineer, agent, client, api):
    with running() as server:
        made = services.create_endpoint(by=engineer, name="Mine", base_url=server.url, model_name="m")
        client.force_login(agent)
        page = client.get(reverse("admin:workbench_modelendpoint_change", args=[made.pk])).content.decode()
        client.post(address_of(made))
        refused = api(agent).post(f"/api/v1/endpoints/{made.pk}/test/")

    assert address_of(made) not in page
    assert (refused.status_code, server.calls) == (403, 0)


@pytest.mark.parametrize("change", [{"model_name": "another"}, {"base_url": "http://other.example/v1"}])
def test_a_clearance_is_for_one_model_at_one_address(db, engineer, api, change):
    made = services.create_endpoint(by=engineer, name="Cleared", base_url="http://x.example/v1", model_name="m")
    ModelEndpoint.objects.filter(pk=made.pk).update(max_classification=Classification.RESTRICTED)

    kept = api(engineer).patch(f"/api/v1/endpoints/{made.pk}/", {"name": "Renamed"}).json()
    changed = api(engineer).patch(f"/api/v1/endpoints/{made.pk}/", change).json()

    assert kept["max_classification"] == "restricted"
    assert changed["max_classification"] == "internal"


def test_only_keepers_of_endpoints_may_write_them(db, expert, engineer):
    made = services.create_endpoint(by=engineer, name="E", base_url="http://x.example/v1", model_name="m")

    with pytest.raises(NotPermitted):
        services.create_endpoint(by=expert, name="F", base_url="http://x.example/v1", model_name="m")
    with pytest.raises(NotPermitted):
        services.update_endpoint(endpoint=made, by=expert, model_name="n")
