import uuid
from collections.abc import Callable
from typing import Any

import pytest

from blindspots.errors import InputError, OutOfReachError
from blindspots.store.place import Place
from blindspots.store.places import bucket
from blindspots.store.places.bucket import Address, opened_bucket, parsed_address
from blindspots.store.root import stored
from tests.s3_server import STATUSES, Server, times

server = pytest.mark.xdist_group("s3")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket", Address("s3", "bucket", "")),
        ("s3://bucket/", Address("s3", "bucket", "")),
        ("gs://my.bucket/a//b/", Address("gs", "my.bucket", "a/b")),
        ("az://c-1/a b/é%20", Address("az", "c-1", "a b/é%20")),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix(text: str, address: Address) -> None:
    assert parsed_address(text) == address
    assert parsed_address(str(address)) == address
    assert address.key("x/y") == f"{address.prefix}/x/y".lstrip("/")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://", "names no bucket; write it as s3://bucket/prefix"),
        ("s3:///a", "names no bucket"),
        ("s3://me:secret@[b/a", r"the root s3://\[b/a is no address \(Invalid IPv6 URL\); write it as s3://bucket"),
        ("s3://bucket/../a", "names no bucket"),
        ("s3://name:secret@bucket/a", r"the root s3://bucket/a has more in it .* credentials are taken from"),
        ("s3://bucket/a?key=secret", "s3://bucket/a has more in it"),
        ("s3://bucket/a#secret", "s3://bucket/a has more in it"),
    ],
)
def test_what_is_no_address_is_refused_without_a_secret(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        parsed_address(text)
    assert "secret" not in str(refused.value)


@pytest.fixture
def anew() -> Any:
    """Buckets are opened anew in this test, and after it."""
    opened_bucket.cache_clear()
    yield
    opened_bucket.cache_clear()


@pytest.mark.usefixtures("anew")
def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"a root at s3:// needs obstore: pip install 'blindspots\[objects\]'; or name"
    ):
        Place.at("s3://bucket/root")


@pytest.mark.usefixtures("anew")
def test_what_an_object_store_lacks_to_be_opened_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(InputError, match=r"the root az://container cannot be opened \(.*Account must be specified\)"):
        Place.at("az://container/root")


@server
def test_a_bucket_that_is_not_there_is_one_line(s3: Server) -> None:
    with pytest.raises(
        InputError, match="there is no bucket none for the root s3://none/root; make it, or name another"
    ):
        stored(Place.at("s3://none/root"))


@server
@pytest.mark.parametrize("status", ["403 Forbidden", "401 Unauthorized"])
def test_credentials_that_do_not_do_are_one_line(s3: Server, status: str) -> None:
    place = Place.at("s3://tests/root")
    with s3.failing(lambda request: status):
        with pytest.raises(
            InputError, match=f"cannot be read .it answers {status}.; see that credentials, region"
        ) as no:
            stored(place)
        with pytest.raises(InputError, match=f"cannot be written .it answers {status}."):
            place.check_writable()
    assert "of-a-key" not in str(no.value)


@server
def test_a_token_that_expires_is_out_of_reach_and_not_a_missing_file(s3: Server) -> None:
    place = Place.at("s3://tests/root")
    with s3.failing(lambda request: "403 Forbidden"):
        for ask in (
            lambda: place.read("a"),
            lambda: place.size("a"),
            lambda: place.names(),
            lambda: place.write("a", b""),
        ):
            with pytest.raises(
                OutOfReachError, match="s3://tests/root cannot be used: it answers 403 Forbidden; what is"
            ):
                ask()


ASKED: tuple[Callable[[Place], object], ...] = (
    lambda place: place.read("a") == b"1",
    lambda place: place.size("a") == 1,
    lambda place: place.write("a", b"2") or place.read("a") == b"2",
    lambda place: list(place.files()) == ["a"],
    lambda place: place.names() == ["a"],
    lambda place: place.create("b", b"3") or place.read("b") == b"3",
    lambda place: place.copy("b", "c") or place.read("c") == b"3",
    lambda place: place.delete("a") or not place.has("a"),
    lambda place: place.delete_all("") or not place.has_folder(),
)


@server
def test_what_fails_for_the_moment_is_tried_again(s3: Server) -> None:
    faults = [*STATUSES, "cut", "lost"]
    for turn in range(2):  # five faults and nine questions: each question meets two of them
        place = Place.at(f"s3://tests/{uuid.uuid4().hex}")
        place.write("a", b"1")
        for number, ask in enumerate(ASKED):
            fault = faults[(2 * turn + number) % len(faults)]
            with s3.failing(times(1, fault)):
                assert ask(place), (number, fault)


@server
def test_a_server_that_is_gone_is_one_line(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    monkeypatch.setattr(bucket, "_RETRYING_SECONDS", 0.2)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"cannot be read \(no answer from http://127.0.0.1:9\); see that") as refused:
        stored(Place.at("s3://bucket/root"))
    assert "secret" not in str(refused.value)
