"""Failed attempts are counted by address and minute, in bounded memory."""

from lakehouse.web.http.attempts import MAX_ADDRESSES, MAX_FAILED, WINDOW_S, Attempts


def test_attempts_are_counted_within_a_minute_by_address() -> None:
    attempts = Attempts()
    counts = [attempts.failed("203.0.113.7", number / 100) for number in range(MAX_FAILED + 1)]
    assert counts == list(range(1, MAX_FAILED + 2))
    assert attempts.failed("203.0.113.8", 1.0) == 1
    assert attempts.failed("203.0.113.7", WINDOW_S - 0.1) == MAX_FAILED + 2
    assert attempts.failed("203.0.113.7", WINDOW_S) == 1


def test_addresses_of_one_ipv6_network_count_together() -> None:
    attempts = Attempts()
    assert attempts.failed("2001:db8::1", 0.0) == 1
    assert attempts.failed("2001:db8::ffff", 0.0) == 2
    assert attempts.failed("2001:db8:0:1::1", 0.0) == 1
    assert attempts.failed("", 0.0) == 1


def test_memory_is_bounded_and_the_oldest_minute_goes_first() -> None:
    attempts = Attempts()
    for number in range(MAX_ADDRESSES + 1):
        attempts.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", float(number))
    assert len(attempts._counts) == MAX_ADDRESSES
    assert attempts.failed("10.0.0.1", 30.0) == 2
    assert attempts.failed("10.0.0.0", 30.0) == 1
