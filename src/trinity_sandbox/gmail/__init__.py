"""The Gmail stand-in: Google's REST protocol, kept true to the Gmail discovery document by its tests.

What it does as Gmail does: a client's Message-ID is replaced, sending consumes the draft and makes a new
message with a new id, `drafts.send` with a `raw` replaces the draft's content, a From that is no accepted
alias is rewritten, threading needs the thread's id and its references and its subject, there is no
idempotency key. Nothing leaves the machine: mail to another of its mailboxes is put there, other mail
stays in the books.
"""
