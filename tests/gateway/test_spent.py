"""The spent register: each act of a digest once, the next only after evidence, whatever the process died of."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trinity.errors import Refused
from trinity.gateway.spent import ACTS_MAX, Collision, SpentRegister

DIGEST, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def register(tmp_path: Path) -> SpentRegister:
    """An empty register."""
    return SpentRegister((tmp_path / "spent register é").as_uri())


def test_an_act_is_taken_once(register: SpentRegister) -> None:
    register.spend(DIGEST, 1, {"n": 1})
    with pytest.raises(Collision, match="taken before"):
        register.spend(DIGEST, 1, {"n": 1})
    register.spend(OTHER, 1, {})
    assert register.is_spent(DIGEST, 1) and not register.is_spent(DIGEST, 2)


def test_the_next_act_needs_evidence_that_the_one_before_did_not_happen(register: SpentRegister) -> None:
    with pytest.raises(Collision, match="without evidence"):
        register.spend(DIGEST, 2, {})
    register.spend(DIGEST, 1, {})
    with pytest.raises(Collision, match="without evidence"):
        register.spend(DIGEST, 2, {})
    register.record_absence(DIGEST, 1, {"because": "it was looked for"})
    register.spend(DIGEST, 2, {})
    with pytest.raises(Collision):
        register.spend(DIGEST, 3, {})


def test_an_act_that_was_given_up_cannot_be_taken_any_more(register: SpentRegister) -> None:
    register.record_absence(DIGEST, 1, {"because": "the worker was gone"})
    with pytest.raises(Collision, match="taken before"):
        register.spend(DIGEST, 1, {})
    register.spend(DIGEST, 2, {})


@pytest.mark.parametrize("act_n", [0, -1, ACTS_MAX + 1])
def test_acts_are_numbered_within_bounds(register: SpentRegister, act_n: int) -> None:
    register.record_absence(DIGEST, ACTS_MAX, {})
    with pytest.raises(Collision, match="outside"):
        register.spend(DIGEST, act_n, {})


def test_evidence_stays_as_it_was_first_written(register: SpentRegister, tmp_path: Path) -> None:
    register.record_absence(DIGEST, 1, {"because": "first"})
    register.record_absence(DIGEST, 1, {"because": "second"})
    (found,) = tmp_path.rglob("1.absent")
    assert json.loads(found.read_bytes()) == {"because": "first"}


def test_it_survives_the_process(register: SpentRegister, tmp_path: Path) -> None:
    register.spend(DIGEST, 1, {})
    again = SpentRegister((tmp_path / "spent register é").as_uri())
    with pytest.raises(Collision):
        again.spend(DIGEST, 1, {})


def test_the_note_is_the_one_from_before_the_first_act(register: SpentRegister) -> None:
    assert register.first_note(DIGEST) is None
    register.record_absence(DIGEST, 1, {"because": "never begun"})
    assert register.first_note(DIGEST) is None
    register.spend(DIGEST, 2, {"history_id": "17"})
    register.record_absence(DIGEST, 2, {"because": "absent"})
    register.spend(DIGEST, 3, {"history_id": "19"})
    assert register.first_note(DIGEST) == {"history_id": "17"}


def test_a_note_that_cannot_be_read_is_no_note_to_go_by(register: SpentRegister, tmp_path: Path) -> None:
    register.spend(DIGEST, 1, {"history_id": "17"})
    next(path for path in tmp_path.rglob("1") if path.is_file()).write_bytes(b'{"history_')
    with pytest.raises(Collision, match="not readable"):
        register.first_note(DIGEST)
    with pytest.raises(Collision):
        register.spend(DIGEST, 1, {})


def test_a_torn_write_has_taken_nothing(
    register: SpentRegister, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies before the name is given leaves a file that nobody reads; the act is still free."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for moment in ("fsync", "link"):
        with monkeypatch.context() as patch:
            patch.setattr(os, moment, die)
            with pytest.raises(KeyboardInterrupt):
                register.spend(DIGEST, 1, {"history_id": "torn"})
        for left in tmp_path.rglob(".*"):
            if left.is_file():
                left.write_bytes(b"half a")
        assert not register.is_spent(DIGEST, 1)
    register.spend(DIGEST, 1, {"history_id": "17"})
    assert register.first_note(DIGEST) == {"history_id": "17"}


def test_file_and_directory_are_on_the_disk_before_the_act(
    register: SpentRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def noted_fsync(handle: int) -> None:
        done.append(kind_of(handle))
        fsync(handle)

    def noted_link(source: Path, target: Path) -> None:
        done.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "link", noted_link)
    register.spend(DIGEST, 1, {})
    assert done[-3:] == ["file", "link", "directory"]


def kind_of(handle: int) -> str:
    return "directory" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file"


def test_many_at_once_one_wins(register: SpentRegister) -> None:
    def take(_: int) -> bool:
        try:
            register.spend(DIGEST, 1, {})
        except Collision:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(40))) == 1


def test_only_a_folder_will_do() -> None:
    for url in ("s3://bucket/prefix", "https://host.example/", "spent", ""):
        with pytest.raises(Refused) as refused:
            SpentRegister(url)
        assert refused.value.code == "setting_invalid"


class Register(RuleBasedStateMachine):
    """Any order of spending and giving up, by processes that come and go, against a model in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.register = SpentRegister(Path(self.folder.name).as_uri())
        self.used: set[tuple[str, int]] = set()
        self.absent: set[tuple[str, int]] = set()

    @rule(digest=st.sampled_from([DIGEST, OTHER]), act_n=st.integers(1, 4))
    def spend(self, digest: str, act_n: int) -> None:
        may = (digest, act_n) not in self.used and (act_n == 1 or (digest, act_n - 1) in self.absent)
        try:
            self.register.spend(digest, act_n, {"history_id": str(act_n)})
        except Collision:
            assert not may
        else:
            assert may
            self.used.add((digest, act_n))

    @rule(digest=st.sampled_from([DIGEST, OTHER]), act_n=st.integers(1, 4))
    def give_up(self, digest: str, act_n: int) -> None:
        self.register.record_absence(digest, act_n, {"because": "looked"})
        self.used.add((digest, act_n))
        self.absent.add((digest, act_n))

    @rule()
    def restart(self) -> None:
        self.register = SpentRegister(Path(self.folder.name).as_uri())

    @invariant()
    def it_remembers(self) -> None:
        for digest in (DIGEST, OTHER):
            for act_n in range(1, 5):
                assert self.register.is_spent(digest, act_n) == ((digest, act_n) in self.used)

    def teardown(self) -> None:
        self.folder.cleanup()


TestRegister = Register.TestCase
TestRegister.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.fixture(scope="module")
def module_register(tmp_path_factory: pytest.TempPathFactory) -> SpentRegister:
    return SpentRegister(tmp_path_factory.mktemp("spent").as_uri())


@settings(max_examples=20, deadline=None)
@given(digest=st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_digests_never_meet(module_register: SpentRegister, digest: str) -> None:
    if not module_register.is_spent(digest, 1):
        module_register.spend(digest, 1, {"history_id": digest})
    assert module_register.first_note(digest) == {"history_id": digest}
