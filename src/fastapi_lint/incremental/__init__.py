"""Incremental runs: a run leaves a *snapshot*, and the next one judges again only what may come out otherwise.

**Tracked** is what answers depend on (`tracking`, which the model is written with). While a rule is asked about a
module, the `Recorder` collects what the answer is read from: every other module that a query got hold of, and the
*slices* of tables that were looked at (what a table of the whole project has under one name, or about one module). What
one rule said about one module is a *verdict*: its findings, with these dependencies. A fix has dependencies of its
own.

**A snapshot holds** (`snapshot`) a digest of each file; the verdicts; a *fingerprint* of every slice that one of them
depends on; of each table how it was collected, so that it need not be collected again: which modules contributed, at
which places, and from what that was known; fingerprints of the project's subjects (routes, routers, apps, schemas,
dependencies) by module. It is data, holds no text with a secret of the analysed files (`redaction`), and counts only
for the same program, rules and settings.

**Reused is** (`reuse`) a verdict whose module, dependencies and subjects are what they were; all others are
*invalidated*, and judged again. A module is what it was when its digest is. A slice is when no changed module brings
anything to it, or brings the same; when all modules that contributed to its table do so from unchanged dependencies,
and no changed one joins them; or when, collected anew, it has the same fingerprint. That last step cuts off early: what
depends on a changed answer only through one that came out the same is not judged again. Files that came or went are
changed, and with them the modules for which a name may mean another file now (`membership`).

**That is sound** because rules are functions: they keep nothing, and ask nothing but the project (a test forbids the
rest), so what they have read decides what they say. Nothing that is read goes unrecorded: modules are handed out by
`Modules` alone, which records each, and a memo passes its dependencies on (a test forbids other memos that look beyond
one module). And whatever is not certain is invalidated: who has walked over all modules depends on all of them, a table
whose contributors are not known is collected and compared. Forgetting to be exact costs time, never a finding;
`tests/test_incremental.py` changes files at random and compares with runs that start afresh.

**In an editor** the project stays, with its memos and tables (`lasting`, `tracking.memory`): those that have read
nothing else than before are taken over when somebody asks for them (`holding`). A verdict is data, and holds when what
it has read says the same; a memo may hold objects, and holds when what it has read is the same.
`tests/test_editing.py` edits files at random and compares as well.

The dispatch knows this package as a `Plan` only, and the model not at all. The words are salsa's; a *dependency* here
is what an answer depends on, not FastAPI's.
"""
