"""Which passwords are good enough: long, not among the first an attacker tries, not the address itself.

Length and a list of common ones, no rules on kinds of characters (NIST SP 800-63B-4, section 3.1.1.2).
"""

from __future__ import annotations

from itertools import pairwise

from booking_app.domain.errors import Invalid

SHORTEST = 10
LONGEST = 200
"""Longer ones are refused rather than cut; the bound keeps the work of hashing small."""

_WORDS = """
1234567890 12345678910 123456789a 0123456789 9876543210 1q2w3e4r5t 1qaz2wsx3edc 1qazxsw23edc q1w2e3r4t5
q1w2e3r4t5y6 qwertyuiop qwertyuiop123 qwerty1234 qwerty12345 qwerty123456 asdfghjkl1 asdfghjkl123 zxcvbnm123
zaq12wsxcde3 password12 password123 password1234 password12345 passw0rd123 p@ssword123 p@ssw0rd123
passwordpassword password01 password2024 password2025 password2026 welcome123 welcome1234 welcome2025
welcome2026 letmein123 letmein1234 iloveyou12 iloveyou123 iloveyou1234 administrator administrator1 admin12345
admin123456 adminadmin administrador changeme123 changeme1234 changemenow default123 secret1234 secretsecret
sunshine123 princess123 football123 baseball123 superman123 abcdefghij abcdefghijk abcd123456 abc1234567
abcdef1234 a123456789 aa12345678 test123456 testtest12 testtesttest trustno1trustno1 monkey1234 dragon1234
master1234 michael123 charlie123 liverpool1 liverpool123 manchester manchester1 basketball basketball1
volleyball motherfucker computer123 internet123 samsung123 wachtwoord wachtwoord1 wachtwoord123 passwort123
motdepasse123 bookingapp booking123 summer2025 summer2026 winter2025 winter2026 spring2026 autumn2026
correcthorsebatterystaple
"""
_COMMON = frozenset(_WORDS.split())


def checked_password(password: str, email: str) -> str:
    """`password` itself if it may be used by the owner of `email`; else `Invalid("password")`."""
    if len(password) < SHORTEST:
        raise Invalid("password", f"Choose a password of at least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise Invalid("password", f"Choose a password of at most {LONGEST} characters.")
    plain = password.strip().lower()
    address = email.strip().lower()
    if (
        plain in _COMMON
        or len(set(plain)) < 4
        or plain in {address, address.partition("@")[0]}
        or _is_run(plain)
        or any(plain == plain[:size] * (len(plain) // size) for size in (1, 2, 3, 4) if len(plain) % size == 0)
    ):
        raise Invalid("password", "This password is among the first that are tried. Choose another one.")
    return password


def _is_run(text: str) -> bool:
    """Whether every character follows the one before: `abcdefghijkl`, `9876543210`."""
    steps = {ord(later) - ord(earlier) for earlier, later in pairwise(text)}
    return steps in ({1}, {-1})
