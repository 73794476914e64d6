"""What was taken out of the closure log, changed in it or forked off it shows on the command line.

The attacker may write anything into the store. Where only a checkpoint that somebody else kept can show
what was done, the attacker has the log's own key, too, and signs everything anew.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.log_key import log_signer
from platform_assets.flow.checkpoint import LogSigner, write_consistency
from platform_assets.flow.log_entries import Closed, checkpoint_path, log_path, read_entry
from platform_assets.flow.merkle import Tree
from platform_assets_tests.cli.calls import call
from platform_assets_tests.shop import append, make_shop, order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.flow.log_entries import Entry

RUNS = 5


@pytest.fixture(scope="session")
def _logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five closed runs, a checkpoint kept after each, and the evidence of run 2."""
    folder = tmp_path_factory.mktemp("logged")
    home = make_shop(folder / "home", orders=20)
    for number in range(1, RUNS + 1):
        assert call("run", "shop", "--home", home).code == 0
        assert call("checkpoint", "--home", home, "--out", folder / f"kept.{number}").code == 0
        append(home, "orders", 0, [order(900 + number)])
    evidence = folder / "evidence.tar"
    assert call("export", "shop-00000002", "--home", home, "--out", evidence).code == 0
    return folder


@pytest.fixture
def logged(_logged: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    folder = tmp_path / "logged"
    shutil.copytree(_logged, folder)
    return folder


def checkpoint(folder: Path, *more: object) -> dict[str, object]:
    """Call checkpoint, which has to succeed, and return its answer."""
    done = call("checkpoint", "--home", folder / "home", "--json", *more)
    assert done.code == 0, done.out
    found: dict[str, object] = done.document
    return found


def refused(folder: Path, *more: object) -> str:
    """Call checkpoint, which has to refuse, and return what it found."""
    done = call("checkpoint", "--home", folder / "home", "--json", *more)
    assert done.code == 1, done.out
    assert done.document["error"] == "LogInconsistent"
    assert done.document["remedy"]
    return str(done.document["found"])


def findings(*words: object) -> str:
    """Call verify, which has to find something, and return all of it."""
    done = call("verify", "--json", *words)
    assert done.code == 1, done.out
    assert "findings" in done.document, done.out
    assert not done.document["verified"]
    return json.dumps(done.document["findings"])


def entry(folder: Path, index: int) -> Entry:
    return read_entry((folder / "home/store" / log_path(index)).read_bytes(), index)


def own_log(folder: Path) -> LogSigner:
    origin = json.loads((folder / "home/store/log/origin.json").read_bytes())["origin"]
    return LogSigner(origin, log_signer(folder / "home/keys/log.pem"))


def put(folder: Path, path: str, data: bytes) -> None:
    file = folder / "home/store" / path
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def forged(folder: Path, closed: list[Closed]) -> list[Entry]:
    """Write the whole log anew, signed by its own key, with checkpoints and copies."""
    log, tree, entries = own_log(folder), Tree(), []
    shutil.rmtree(folder / "home/store/log/checkpoints")
    (folder / "home/store/log/checkpoints").mkdir()
    for index in range(1, RUNS + 1):
        (folder / "home/store" / log_path(index)).unlink(missing_ok=True)
    for each in closed:
        data = each.entry(tree)
        entries.append(read_entry(data))
        tree = entries[-1].tree
        put(folder, log_path(tree.size), data)
        put(folder, checkpoint_path(tree.size, log.key), log.checkpoint(tree))
        put(folder, each.copy_path, data)
    return entries


def closed_runs(folder: Path) -> list[Closed]:
    entries = [entry(folder, index) for index in range(1, RUNS + 1)]
    return [
        Closed(e.run_id, e.config_digest, e.bundle_digest, f"runs/{e.run_id}/closure")
        for e in entries
    ]


# --- a log that nobody touched -------------------------------------------------------------------


def test_every_kept_checkpoint_is_continued_by_the_newest(logged: Path) -> None:
    for number in range(1, RUNS + 1):
        found = checkpoint(logged, "--since", logged / f"kept.{number}")
        assert (found["size"], found["since"]) == (RUNS, number)
        assert str(found["text"]).startswith(f"old {number}\n")
    assert checkpoint(logged)["text"] == (logged / f"kept.{RUNS}").read_text()


def test_every_run_and_every_export_is_consistent_with_every_kept_checkpoint(logged: Path) -> None:
    home, kept = logged / "home", [logged / f"kept.{n}" for n in range(1, RUNS + 1)]
    options = [word for file in kept for word in ("--checkpoint", file)]
    for number in range(1, RUNS + 1):
        done = call("verify", f"shop-{number:08d}", "--home", home, "--json", *options)
        assert done.code == 0, done.out
        assert done.document["log"]["index"] == number
        assert done.document["consistent_with"] == [str(file) for file in kept]


def test_exported_evidence_is_tied_to_older_and_newer_checkpoints_by_proofs(logged: Path) -> None:
    """The evidence is at size 2. Proofs lead from 1, from 2 and from 4 to the newest."""
    evidence, older, newer = (logged / name for name in ("evidence.tar", "kept.1", "kept.4"))
    assert call("verify", evidence, "--checkpoint", logged / "kept.2").code == 0
    for unproven in (older, newer):
        done = call("verify", evidence, "--checkpoint", unproven, "--json")
        assert (done.code, done.document["error"]) == (1, "CheckpointUnconnected")
        assert "--since" in done.document["remedy"]
    given: list[object] = []
    for number, file in enumerate((evidence, older, newer)):
        proof = logged / f"proof.{number}"
        checkpoint(logged, "--since", file, "--out", proof)
        given += ["--checkpoint", proof]
    assert call("verify", evidence, *given[:2]).code == 0
    done = call("verify", evidence, *given, "--checkpoint", older, "--checkpoint", newer, "--json")
    assert done.code == 0, done.out
    assert len(done.document["consistent_with"]) == 5
    # a proof whose beginning nobody gave shows nothing
    done = call("verify", evidence, "--checkpoint", logged / "proof.2", "--json")
    assert (done.code, done.document["error"]) == (1, "CheckpointUnconnected")


def test_in_the_home_a_proof_has_to_begin_at_the_logs_own_entries(logged: Path) -> None:
    """The checkpoint at its end is the log's newest; the proof before it is of another beginning."""
    proof = logged / "proof"
    checkpoint(logged, "--since", logged / "kept.2", "--out", proof)
    words = ("shop-00000001", "--home", logged / "home", "--checkpoint", proof)
    assert call("verify", *words).code == 0
    proof.write_text(proof.read_text().replace("old 2\n", "old 3\n"))
    assert "its proof does not begin at the log's first 3 entries" in findings(*words)


def test_a_checkpoint_goes_to_a_new_file_and_never_over_an_old_one(logged: Path) -> None:
    before = (logged / "kept.1").read_bytes()
    done = call("checkpoint", "--home", logged / "home", "--out", logged / "kept.1")
    assert done.code == 1
    assert (logged / "kept.1").read_bytes() == before
    shown = call("checkpoint", "--home", logged / "home")
    assert shown.out == (logged / f"kept.{RUNS}").read_text()


def test_a_log_without_an_entry_has_no_checkpoint(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=20)
    done = call("checkpoint", "--home", home, "--json")
    assert (done.code, done.document["error"]) == (1, "RecordMissing")


def test_what_holds_no_checkpoint_is_refused(logged: Path) -> None:
    home = logged / "home"
    (logged / "text").write_text("a text")
    assert call("checkpoint", "--home", home, "--since", logged / "text").code == 1
    assert call("checkpoint", "--home", home, "--since", logged / "nothing").code == 1
    assert call("verify", logged / "evidence.tar", "--checkpoint", logged / "text").code == 1
    assert call("verify", logged / "evidence.tar", "--checkpoint", home).code == 1
    assert call("verify", logged / "evidence.tar", "--log-key", "a+b+c").code == 1


# --- truncation ----------------------------------------------------------------------------------


def test_a_log_whose_last_entries_were_removed_is_refused(logged: Path) -> None:
    for index in (4, 5):
        (logged / "home/store" / log_path(index)).unlink()
    found = refused(logged)
    assert "entry 5 is not there" in found
    assert "shop-00000004 is closed and was in the log, and is not there any more" in found
    assert "the log was cut: it had 5 entries" in refused(logged, "--since", logged / "kept.5")
    assert "absent" in findings("shop-00000005", "--home", logged / "home")
    kept = ("--checkpoint", logged / "kept.5")
    assert "the log was cut" in findings("shop-00000001", "--home", logged / "home", *kept)


def test_nothing_is_closed_into_a_log_that_was_cut_and_the_closing_says_so(logged: Path) -> None:
    home = logged / "home"
    (home / "store" / log_path(5)).unlink()
    before = sorted((home / "store/log").rglob("*"))
    done = call("run", "shop", "--home", home)
    assert done.code == 0, done.err
    assert "shop-00000006 is closed and could not be entered into the closure log" in done.out
    assert call("show", "shop-00000006", "--home", home, "--json").document["logged"] is False
    assert sorted((home / "store/log").rglob("*")) == before
    assert "the run is not in the log" in findings("shop-00000006", "--home", home)
    exported = call(
        "export", "shop-00000006", "--home", home, "--out", logged / "six.tar", "--json"
    )
    assert (exported.code, exported.document["error"]) == (1, "LogInconsistent")


def test_a_log_that_was_cut_without_a_trace_shows_against_a_kept_checkpoint(logged: Path) -> None:
    """The last run is made undone as a whole: entry, checkpoint, closure."""
    store, log = logged / "home/store", own_log(logged)
    (store / log_path(5)).unlink()
    (store / checkpoint_path(5, log.key)).unlink()
    shutil.rmtree(store / "runs/shop-00000005/closure")
    assert checkpoint(logged)["size"] == 4
    assert "the log was cut" in refused(logged, "--since", logged / "kept.5")
    kept = ("--checkpoint", logged / "kept.5")
    assert "the log was cut" in findings("shop-00000001", "--home", logged / "home", *kept)


def test_entries_that_were_lost_with_their_copies_come_back_as_they_were(logged: Path) -> None:
    store, log = logged / "home/store", own_log(logged)
    before = {path: path.read_bytes() for path in (store / "log").rglob("*") if path.is_file()}
    for number in (4, 5):
        (store / log_path(number)).unlink()
        (store / checkpoint_path(number, log.key)).unlink()
        (store / f"runs/shop-{number:08d}/closure/log.json").unlink()
    assert checkpoint(logged, "--since", logged / "kept.5")["size"] == 5
    assert {p: p.read_bytes() for p in (store / "log").rglob("*") if p.is_file()} == before


# --- holes, rewriting, forks ---------------------------------------------------------------------


@pytest.mark.parametrize("index", range(1, RUNS))
def test_an_entry_that_was_deleted_from_the_middle_leaves_a_hole(logged: Path, index: int) -> None:
    (logged / "home/store" / log_path(index)).unlink()
    assert f"entry {index} is not there, and entry 5 is" in refused(logged)
    assert "absent" in findings(f"shop-{index:08d}", "--home", logged / "home")


@pytest.mark.parametrize("index", range(1, RUNS + 1))
def test_an_entry_that_was_exchanged_is_named(logged: Path, index: int) -> None:
    real = entry(logged, index)
    other = Closed(real.run_id, real.config_digest, "sha256:" + "0" * 64, "elsewhere")
    put(logged, log_path(index), other.entry(real.before))
    found = refused(logged)
    assert f"is not of the first {index} entries as they stand" in found
    assert "names for" in found
    assert "is not the entry that stands" in findings(
        f"shop-{index:08d}", "--home", logged / "home"
    )


def test_an_entry_that_was_exchanged_before_an_older_run_shows_in_each_later_one(
    logged: Path,
) -> None:
    """Run 3 itself is whole; what was before it is not what its signed checkpoint covers."""
    real = entry(logged, 2)
    other = Closed("shop-00000099", real.config_digest, "sha256:" + "0" * 64, "elsewhere")
    changed = read_entry(other.entry(real.before))
    put(logged, log_path(2), changed.data)
    found = refused(logged)
    assert "entry 3 continues another log" in found
    assert "entry 2 names shop-00000099, which is not closed" in found
    in_home = ("--home", logged / "home")
    assert "entry 1 is not in the tree that ends with entry 5" in findings(
        "shop-00000001", *in_home
    )
    third = entry(logged, 3)
    mine = Closed(third.run_id, third.config_digest, third.bundle_digest, "elsewhere")
    put(logged, log_path(3), mine.entry(changed.tree))
    put(logged, "runs/shop-00000003/closure/log.json", mine.entry(changed.tree))
    assert "does not lead from the entry" in findings("shop-00000003", "--home", logged / "home")


def test_a_copy_that_is_not_the_entry_is_named(logged: Path) -> None:
    put(logged, "runs/shop-00000003/closure/log.json", entry(logged, 2).data)
    assert "entry 3 is not the copy that shop-00000003 has of it" in refused(logged)
    assert "run_id shop-00000002" in findings("shop-00000003", "--home", logged / "home")
    put(logged, "runs/shop-00000003/closure/log.json", b"{}")
    assert "is not the copy" in refused(logged)
    assert "closure/log.json" in findings("shop-00000003", "--home", logged / "home")


def test_a_checkpoint_that_was_exchanged_or_is_another_logs_is_named(logged: Path) -> None:
    log = own_log(logged)
    path = checkpoint_path(3, log.key)
    put(logged, path, log.checkpoint(entry(logged, 2).tree))
    assert f"{path} is the checkpoint of 2 entries" in refused(logged)
    other = LogSigner("another.example/log", log.signer)
    put(logged, path, other.checkpoint(entry(logged, 3).tree))
    assert path in refused(logged)
    assert "inclusion.tlog-proof" in findings("shop-00000003", "--home", logged / "home")


def test_a_log_that_was_signed_anew_over_other_evidence_is_named(logged: Path) -> None:
    """With the log's key: every entry, checkpoint and copy fits. The seal of the run does not."""
    runs = closed_runs(logged)
    other = Closed(
        runs[1].run_id, runs[1].config_digest, "sha256:" + "0" * 64, runs[1].closure_folder
    )
    forged(logged, [runs[0], other, *runs[2:]])
    assert "entry 2 names for shop-00000002 the evidence" in refused(logged)
    assert "bundle_digest" in findings("shop-00000002", "--home", logged / "home")
    assert "rewritten or forked" in refused(logged, "--since", logged / "kept.4")
    kept = ("--checkpoint", logged / "kept.4")
    assert "rewritten" in findings("shop-00000005", "--home", logged / "home", *kept)


def test_a_log_that_was_signed_anew_without_a_run_shows_against_a_kept_checkpoint(
    logged: Path,
) -> None:
    """With the log's key, and the run's seal gone: the home cannot show it, who kept one can."""
    runs = closed_runs(logged)
    shutil.rmtree(logged / "home/store/runs/shop-00000005/closure")
    entries = forged(logged, [runs[0], runs[2], runs[1], runs[3]])
    assert "rewritten or forked" in refused(logged, "--since", logged / "kept.3")
    assert "rewritten or forked" in refused(logged, "--since", logged / "evidence.tar")
    # the forger makes a proof by hand, as good as it can be made
    proof, log = logged / "proof", own_log(logged)
    hashes = [entries[2].leaf, entries[3].leaf]
    proof.write_bytes(write_consistency(2, hashes, log.checkpoint(entries[3].tree)))
    assert "it was rewritten" in findings(logged / "evidence.tar", "--checkpoint", proof)


def test_two_checkpoints_of_one_size_are_a_fork(logged: Path) -> None:
    runs = closed_runs(logged)
    twin = logged.with_name("twin")
    shutil.copytree(logged, twin)
    other = Closed("shop-00000099", runs[0].config_digest, "sha256:" + "0" * 64, "elsewhere")
    fork = own_log(twin).checkpoint(read_entry(other.entry(entry(twin, 2).before)).tree)
    (logged / "fork").write_bytes(fork)
    found = findings(logged / "evidence.tar", "--checkpoint", logged / "fork")
    assert "names another root of 2 entries: a fork" in found
    assert "rewritten or forked" in refused(logged, "--since", logged / "fork")
    home = ("--home", logged / "home", "--checkpoint", logged / "fork")
    assert "rewritten" in findings("shop-00000001", *home)


# --- mending, keys, names ------------------------------------------------------------------------


def lose_entry(store: Path, log: LogSigner) -> None:
    (store / log_path(5)).unlink()
    lose_checkpoint(store, log)


def lose_checkpoint(store: Path, log: LogSigner) -> None:
    (store / checkpoint_path(5, log.key)).unlink()
    lose_copy(store, log)


def lose_copy(store: Path, log: LogSigner) -> None:
    del log
    (store / "runs/shop-00000005/closure/log.json").unlink()


@pytest.mark.parametrize("lose", [lose_entry, lose_checkpoint, lose_copy])
@pytest.mark.parametrize(
    "look",
    [
        ("verify", "shop-00000005"),
        ("export", "shop-00000005", "--out", "OUT"),
        ("checkpoint",),
        ("close", "shop-00000005"),
    ],
    ids=lambda words: words[0],
)
def test_a_closer_that_died_on_the_way_into_the_log_is_mended_by_whoever_looks(
    logged: Path, lose: Callable[[Path, LogSigner], None], look: tuple[str, ...]
) -> None:
    store = logged / "home/store"
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    lose(store, own_log(logged))
    words = [str(logged / "out.tar") if word == "OUT" else word for word in look]
    done = call(*words, "--home", logged / "home")
    assert done.code == 0, done.out + done.err
    after = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert {p: d for p, d in after.items() if p in before} == before
    assert checkpoint(logged)["text"] == (logged / "kept.5").read_text()


def test_a_log_key_that_was_changed_signs_later_checkpoints_and_old_ones_stay_good(
    logged: Path,
) -> None:
    home = logged / "home"
    (home / "keys/log.pem").unlink()
    assert call("run", "shop", "--home", home).code == 0
    found = checkpoint(logged, "--since", logged / "kept.3", "--out", logged / "new")
    assert found["size"] == 6
    old_key, new_key = str(own_log_key_of(logged)), str(found["key"])
    assert old_key != new_key
    assert (
        old_key.split("+", maxsplit=1)[0] == new_key.split("+", maxsplit=1)[0]
    )  # the log kept its name
    for run in ("shop-00000002", "shop-00000006"):
        assert call("verify", run, "--home", home, "--checkpoint", logged / "kept.4").code == 0
    assert call("verify", logged / "evidence.tar").code == 0
    # whoever has the evidence alone does not know the new key, unless told
    checkpoint(logged, "--since", logged / "evidence.tar", "--out", logged / "proof")
    words = ("verify", logged / "evidence.tar", "--checkpoint", logged / "proof", "--json")
    done = call(*words)
    assert (done.code, done.document["error"]) == (1, "CheckpointInvalid")
    assert "--log-key" in done.document["remedy"]
    assert call(*words, "--log-key", new_key).code == 0


def own_log_key_of(folder: Path) -> str:
    done = call("verify", folder / "evidence.tar", "--json")
    return str(done.document["log"]["keys"][0])


def test_a_run_whose_closer_died_before_the_key_was_changed_is_entered_under_the_new_one(
    logged: Path,
) -> None:
    home = logged / "home"
    lose_entry(home / "store", own_log(logged))
    (home / "keys/log.pem").unlink()
    done = call("verify", "shop-00000005", "--home", home, "--json")
    assert done.code == 0, done.out
    assert call("export", "shop-00000005", "--home", home, "--out", logged / "five.tar").code == 0
    assert "signature by a key of the log" in findings(logged / "five.tar")
    new_key = str(own_log(logged).key)
    assert call("verify", logged / "five.tar", "--log-key", new_key).code == 0


def test_a_log_keeps_the_name_that_it_got_first(logged: Path, tmp_path: Path) -> None:
    home = make_shop(tmp_path / "named", orders=20)
    settings = home / "platform.yaml"
    settings.write_text(settings.read_text() + "\nlog_origin: example.com/closures\n")
    assert call("run", "shop", "--home", home).code == 0
    done = call("checkpoint", "--home", home, "--json")
    assert done.document["origin"] == "example.com/closures"
    assert done.document["text"].startswith("example.com/closures\n1\n")
    settings = logged / "home/platform.yaml"
    settings.write_text(settings.read_text() + "\nlog_origin: example.com/closures\n")
    done = call("checkpoint", "--home", logged / "home", "--json")
    assert (done.code, done.document["error"]) == (2, "SettingsInvalid")


def test_a_log_key_of_another_kind_is_a_mistake_of_the_settings(
    logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = logged / "home/platform.yaml"
    settings.write_text(settings.read_text() + "\nkeys: {log_env: LOG_KEY}\n")
    monkeypatch.setenv("LOG_KEY", (logged / "home/keys/signing.pem").read_text())
    done = call("checkpoint", "--home", logged / "home", "--json")
    assert (done.code, done.document["error"]) == (2, "SettingsInvalid")
    assert "Ed25519" in done.document["expected"]
    monkeypatch.setenv("LOG_KEY", (logged / "home/keys/log.pem").read_text())
    assert checkpoint(logged)["text"] == (logged / "kept.5").read_text()
