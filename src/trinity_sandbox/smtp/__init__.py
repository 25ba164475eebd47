"""A mail server that delivers nothing: it takes mail over SMTP, keeps it in its books and shows it on a page.

Two ports on loopback: SMTP, and HTTP for the page, `/_sandbox/books`, `/_sandbox/faults` and `/_sandbox/logins`.
"""
