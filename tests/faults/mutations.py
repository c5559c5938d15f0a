"""Every guard that the fault suite relies on, and the tests that must fail when it is taken away.

``MOLOCH_MUTATION=<name>`` takes one guard away for a whole test session, children included; each test named with it
must then fail (``tests/faults/test_mutations.py``). A fault test that passes without its guard shows nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from tests.faults import removals


class Mutation(NamedTuple):
    """One guard less.

    Attributes:
        removes: the guard.
        take_away: changes the product's modules.
        tests: those that must fail without it, each ``file::Class::function`` as pytest names them, without folder.
    """

    removes: str
    take_away: Callable[[], None]
    tests: tuple[str, ...]


def apply_from_environment() -> None:
    """Take away the guard that ``MOLOCH_MUTATION`` names, if any."""
    if name := os.environ.get("MOLOCH_MUTATION"):
        MUTATIONS[name].take_away()


CUTS = "test_bytes.py::TestCuts::test_the_whole_commits_stay"
FLIPS = "test_bytes.py::TestFlips::test_no_flip_is_believed"
SPLICES = "test_bytes.py::TestSplices"
FORKS = "test_bytes.py::TestForks"
ODD = "test_answers.py::TestOddAnswers"
KILLS = "test_crashes.py::TestKills::test_what_was_acknowledged_is_there"
PAID = "test_crashes.py::TestPaidAnswers::test_only_answers_on_their_way_are_paid_again"
BATCHES = "test_crashes.py::TestBatches::test_only_the_batch_on_its_way_is_computed_again"
RETRY = "test_crashes.py::TestRetry::test_the_process_died"
ORDER = "test_disk.py::TestOrder::test_every_acknowledgement_has_its_sync"
REFUSED = "test_disk.py::TestRefusals"
FULL = "test_disk.py::TestFullDisk::test_on_a_small_file_system"
TWO = "test_writers.py::TestTwoWriters"
READERS = "test_writers.py::TestReaders::test_they_see_a_prefix_in_order"
MANY = "test_writers.py::TestManyRuns"
STRANGERS = "test_pages.py::TestStrangers"
DEAD = "test_pages.py::TestDead"
DISPOSABLE = "test_meaning.py::TestDisposable"
SOAK = "test_soak.py::test_memory_and_handles_are_flat"
POWER = "test_power.py::TestPowerCuts"
ADAPTERS = "test_adapters.py"
RESUMED, FORKED = f"{ADAPTERS}::TestUse::test_resume", f"{ADAPTERS}::TestTaken::test_fork"
ENGINE, SERVER = f"{ADAPTERS}::TestUse::test_vllm", f"{ADAPTERS}::TestUse::test_server"
THERE = f"{ADAPTERS}::TestTaken::test_there_already"
VERIFIED = (f"{ADAPTERS}::TestVerified::test_log_verify", f"{ADAPTERS}::TestVerified::test_replay_verify")
JUDGING = "test_judging.py"
SPENDING = "test_servers.py::TestSpending"

MUTATIONS: dict[str, Mutation] = {
    "no-truncation": Mutation("recovery cuts an incomplete commit off", removals.no_truncation, (KILLS, FULL)),
    "quarantine-skipped": Mutation(
        "recovery keeps what it cuts off", removals.quarantine_skipped, (f"{REFUSED}::test_refused_while_recovering",)
    ),
    "answers-forgotten": Mutation("a resumed run knows the answers in its log", removals.answers_forgotten, (PAID,)),
    "batches-not-durable": Mutation("each batch is a commit", removals.batches_not_durable, (BATCHES,)),
    "batches-cut-anew": Mutation(
        "what is left of a call is cut into the batches of the whole", removals.batches_cut_anew, (BATCHES,)
    ),
    "keys-forgotten": Mutation(
        "keys are read when a log is opened",
        removals.keys_forgotten,
        (RETRY,),
    ),
    "torn-for-damaged": Mutation(
        "a header has a checksum of its own: damage is not taken for an end", removals.torn_for_damaged, (CUTS,)
    ),
    "no-hash": Mutation(
        "a commit's checksum and hash", removals.no_hash, (FLIPS, f"{FORKS}::test_flips_in_the_shared_part")
    ),
    "no-chain": Mutation(
        "each commit names the hash before it", removals.no_chain, (f"{SPLICES}::test_a_commit_of_another_run",)
    ),
    "no-order": Mutation(
        "each commit says its place",
        removals.no_order,
        (f"{SPLICES}::test_every_order_of_four_commits", f"{SPLICES}::test_segments_left_out_doubled_or_swapped"),
    ),
    "no-pointer-check": Mutation(
        "a fork's parent must lead to the pointer",
        removals.no_pointer_check,
        (f"{FORKS}::test_a_parent_written_again",),
    ),
    "no-sync": Mutation("a commit is synced", removals.no_sync, (ORDER, f"{POWER}::test_within_a_life")),
    "ack-before-sync": Mutation("a future resolves after the sync", removals.ack_before_sync, (ORDER,)),
    "no-folder-sync": Mutation(
        "a new segment's name is synced", removals.no_folder_sync, (ORDER, f"{POWER}::test_within_a_life")
    ),
    "no-poison": Mutation(
        "a failed write or sync ends the writer", removals.no_poison, (f"{REFUSED}::test_nothing_acknowledged_is_lost",)
    ),
    "no-size-check": Mutation(
        "the file must have the size that we left", removals.no_size_check, (f"{TWO}::test_a_bypassed_lock",)
    ),
    "no-lock": Mutation("the lock", removals.no_lock, (f"{TWO}::test_another_process_is_refused",)),
    "no-owner": Mutation(
        "a log belongs to one process", removals.no_owner, (f"{TWO}::test_a_forked_child_is_refused",)
    ),
    "no-torn": Mutation("a reader waits for the end of a commit", removals.no_torn, (READERS,)),
    "tail-starts-over": Mutation("a follower keeps its place", removals.tail_starts_over, (READERS,)),
    "one-encoder": Mutation(
        "each writer has its own encoder", removals.one_encoder, (f"{MANY}::test_at_once_in_one_process",)
    ),
    "last-first": Mutation("submissions wait in line", removals.last_first, (f"{MANY}::test_many_who_submit_to_one",)),
    "halves-kept": Mutation(
        "half a character is replaced before an answer is logged",
        removals.halves_kept,
        (f"{ODD}::test_half_a_character",),
    ),
    "any-number": Mutation(
        "a number that names an option has few digits",
        removals.any_number,
        (f"{ODD}::test_more_digits_than_numbers_have",),
    ),
    "any-depth": Mutation(
        "JSON from a model has few levels",
        removals.any_depth,
        (f"{ODD}::test_brackets_without_end", f"{ODD}::test_no_guess_from_the_depth"),
    ),
    "time-in-digest": Mutation(
        "the digest leaves time out",
        removals.time_in_digest,
        ("test_meaning.py::TestClock::test_nothing_depends_on_it",),
    ),
    "hash-of-the-process": Mutation(
        "randomness depends on content, not on the process",
        removals.hash_of_the_process,
        ("test_meaning.py::TestProcesses::test_hash_seeds_change_nothing",),
    ),
    "no-upcast": Mutation(
        "old events are brought to today's shape",
        removals.no_upcast,
        ("test_meaning.py::TestOldLogs::test_they_mean_what_they_meant",),
    ),
    "any-projection": Mutation(
        "a projection must be confirmed by the log",
        removals.any_projection,
        (f"{DISPOSABLE}::test_another_runs_projection_is_not_believed",),
    ),
    "projection-taken-for-granted": Mutation(
        "a projection that is gone is made again",
        removals.projection_taken_for_granted,
        (f"{DISPOSABLE}::test_projections_come_back_equal",),
    ),
    "last-projection-taken-for-granted": Mutation(
        "the projection of a last segment was made of the bytes that it has now",
        removals.any_last_projection,
        (f"{DISPOSABLE}::test_the_last_segment_is_not_believed_to_be_another",),
    ),
    "cut-is-an-end": Mutation(
        "a log that ends within a commit is not called whole",
        removals.cut_is_an_end,
        ("test_bytes.py::TestMissing::test_a_cut_inside_a_commit_is_said",),
    ),
    "begin-again": Mutation(
        "a run whose log is gone is refused",
        removals.begin_again,
        ("test_bytes.py::TestMissing::test_a_log_that_is_gone_does_not_begin_again",),
    ),
    "kept-answers-forgotten": Mutation(
        "a resumed run looks among the answers that a repair kept",
        removals.kept_answers_forgotten,
        ("test_crashes.py::TestPaidAnswers::test_answers_behind_a_damage_are_not_paid_again",),
    ),
    "unpack-anything": Mutation(
        "a commit's size is bounded",
        removals.unpack_anything,
        ("test_crafted.py::test_a_commit_that_would_unpack_without_bound",),
    ),
    "circles-unseen": Mutation(
        "a run is not forked from itself", removals.circles_unseen, ("test_crafted.py::test_forks_in_a_circle",)
    ),
    "shared-files-written": Mutation(
        "a file with other names is copied before it is written",
        removals.shared_files_written,
        ("test_crafted.py::test_a_copy_of_hard_links_is_written",),
    ),
    "events-taken-as-they-are": Mutation(
        "an event that does not fit is named",
        removals.events_taken_as_they_are,
        ("test_crafted.py::test_events_that_fit_nothing",),
    ),
    "any-bytes": Mutation(
        "projections and snapshots are used only as we wrote them",
        removals.any_bytes,
        (
            f"{DISPOSABLE}::test_damaged_projections_are_as_if_they_were_not_there",
            f"{DISPOSABLE}::test_damaged_snapshots_are_as_if_they_were_not_there",
        ),
    ),
    "any-snapshot": Mutation(
        "a snapshot must be confirmed by the log",
        removals.any_snapshot,
        (f"{DISPOSABLE}::test_snapshots_are_the_state_from_zero",),
    ),
    "handles-leak": Mutation("a sealed segment is closed", removals.handles_leak, (SOAK,)),
    "everything-remembered": Mutation("nothing that was written is kept", removals.everything_remembered, (SOAK,)),
    "no-sync-on-opening": Mutation(
        "opening syncs what a killed writer left",
        removals.no_sync_on_opening,
        (f"{POWER}::test_after_a_killed_life", f"{POWER}::test_a_retry_after_a_kill"),
    ),
    "nothing-let-go": Mutation(
        "what could not be opened is let go",
        removals.nothing_let_go,
        ("test_power.py::TestEveryCall::test_two_lives",),
    ),
    "repair-in-steps": Mutation(
        "a repair is cut and said at once", removals.repair_in_steps, ("test_power.py::TestEveryCall::test_repair",)
    ),
    "keys-cut-off": Mutation(
        "a repair carries the keys on",
        removals.keys_cut_off,
        ("test_power.py::TestKeysAfterRepair::test_keys_before_the_cut_are_known",),
    ),
    "repair-looks-once": Mutation(
        "a repair looks again once it has the lock",
        removals.repair_looks_once,
        (f"{TWO}::test_a_repair_that_comes_second",),
    ),
    "adapters-not-compared": Mutation(
        "an adapter's content is compared with its name",
        removals.adapters_not_compared,
        (RESUMED, ENGINE, SERVER, FORKED, THERE, *VERIFIED),
    ),
    "adapter-settings-believed": Mutation(
        "settings that no id covers have to be unset",
        removals.adapter_settings_believed,
        (RESUMED, ENGINE, SERVER, FORKED, THERE, *VERIFIED),
    ),
    "adapters-merged-unread": Mutation(
        "a backend of this process checks what it merges", removals.adapters_merged_unread, (RESUMED,)
    ),
    "adapters-served-unread": Mutation(
        "what a server is asked to load is checked", removals.adapters_served_unread, (SERVER,)
    ),
    "adapters-in-engine-unread": Mutation(
        "what an engine is asked to load is checked", removals.adapters_in_engine_unread, (ENGINE,)
    ),
    "adapters-linked-unread": Mutation("a fork checks what it links", removals.adapters_linked_unread, (FORKED,)),
    "adapters-there-believed": Mutation("what is there already is checked", removals.adapters_there_believed, (THERE,)),
    "adapters-not-verified": Mutation("adapters are verified with the log", removals.adapters_not_verified, VERIFIED),
    "no-second-look": Mutation(
        "a reader looks again before it calls bytes damaged",
        removals.no_second_look,
        (
            "test_writers.py::TestReaders::test_a_segment_that_was_just_made",
            "test_writers.py::TestReaders::test_a_recovery_behind_a_slow_reader",
        ),
    ),
    "no-lease": Mutation(
        "what a run takes of a shared bound, the others see",
        removals.no_lease,
        ("test_leases.py::test_processes_that_are_killed_never_cross_it_together",),
    ),
    "no-reserve": Mutation(
        "what calls may cost is written before they are sent",
        removals.no_reserve,
        (f"{SPENDING}::test_killed_and_killed_again",),
    ),
    "attempts-unbooked": Mutation(
        "every call that was sent is booked, whatever came of it",
        removals.attempts_unbooked,
        (f"{SPENDING}::test_answers_worth_nothing",),
    ),
    "ids-ignored": Mutation(
        "a connection on which a completion's id repeats is dropped",
        removals.ids_ignored,
        ("test_servers.py::TestAnswers::test_one_that_comes_twice",),
    ),
    "versions-mixed": Mutation(
        "no run is judged by two versions of a probe",
        removals.versions_mixed,
        (f"{JUDGING}::TestVersions::test_resumed", f"{JUDGING}::TestVersions::test_forked"),
    ),
    "judged-by-todays": Mutation(
        "a replay takes verdicts of another version from the log",
        removals.judged_by_todays,
        (f"{JUDGING}::TestVersions::test_replayed",),
    ),
    "judged-in-part": Mutation(
        "a run is judged from its beginning, or not at all",
        removals.judged_in_part,
        (f"{JUDGING}::TestInPart::test_resumed",),
    ),
    "no-key": Mutation("the pages' key", removals.no_key, (f"{STRANGERS}::test_without_the_key",)),
    "any-token": Mutation(
        "the token must be the right one", removals.any_token, (f"{STRANGERS}::test_a_guessed_token",)
    ),
    "hosts-matched": Mutation(
        "a host is parsed, not matched", removals.hosts_matched, (f"{STRANGERS}::test_a_name_that_holds_ours",)
    ),
    "any-origin": Mutation(
        "sockets are for pages of our own", removals.any_origin, (f"{STRANGERS}::test_a_page_of_another_site",)
    ),
    "token-kept": Mutation(
        "the token leaves the address", removals.token_kept, (f"{STRANGERS}::test_the_address_bar",)
    ),
    "locks-not-listed": Mutation(
        "a run lives while its lock is held", removals.locks_not_listed, (f"{DEAD}::test_a_killed_run",)
    ),
    "pulse-not-felt": Mutation(
        "a lock's owner has to live", removals.pulse_not_felt, (f"{DEAD}::test_a_killed_run_whose_child_has_the_lock",)
    ),
    "skill-is-strategy": Mutation(
        "a failure of skill is no misbehaviour",
        removals.skill_is_strategy,
        ("test_pages.py::TestCounts::test_a_failure_of_skill",),
    ),
    "commits-unsettled": Mutation(
        "a commit of several machines' log is settled by a file that one of them makes",
        removals.commits_unsettled,
        (
            "test_study_log.py::TestWithoutLocks::test_what_was_acknowledged_is_there_once",
            "test_study_log.py::TestWithoutLocks::test_killed_and_stopped",
        ),
    ),
    "no-claims": Mutation(
        "a cell has one owner",
        removals.no_claims,
        ("test_studies.py::TestKills::test_the_results_are_those_of_a_study_that_nobody_disturbed",),
    ),
    "disk-not-told": Mutation(
        "what the disk refuses a controller is one error",
        removals.disk_not_told,
        ("test_full_study.py::test_it_goes_on_with_room",),
    ),
    "projections-required": Mutation(
        "Parquet that cannot be written is held in memory",
        removals.projections_required,
        ("test_full_study.py::test_frames_and_results_without_room",),
    ),
    "half-lines-kept": Mutation(
        "a line that a full disk cut is taken back",
        removals.half_lines_kept,
        ("test_full_study.py::test_what_is_spent_without_room",),
    ),
}
