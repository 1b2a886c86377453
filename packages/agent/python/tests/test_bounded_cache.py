"""What is kept for further use: how much, and what goes first."""

from mlxfleet_worker.bounded_cache import BoundedCache


def make_cache(limit: int, *values: str) -> BoundedCache[str]:
    """A cache of texts by their first letters."""
    cache = BoundedCache[str](limit, len)
    for value in values:
        cache.put(value[0], value)
    return cache


def kept(cache: BoundedCache[str], keys: str = "abcd") -> str:
    return "".join(key for key in keys if cache.get(key) is not None)


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = make_cache(6, "aa", "bb", "cc")
    assert cache.get("a") == "aa"
    cache.put("d", "d")
    assert (kept(cache), cache.size) == ("acd", 5)


def test_what_is_larger_than_the_room_costs_nothing_else() -> None:
    cache = make_cache(4, "aa", "bb", "ccccc")
    assert (kept(cache), cache.size) == ("ab", 4)
    assert kept(make_cache(0, "aa")) == ""


def test_a_value_takes_the_place_of_one_of_its_key() -> None:
    cache = make_cache(6, "aa", "bb", "aaa")
    assert (cache.get("a"), cache.size) == ("aaa", 5)


def test_what_is_taken_is_not_kept() -> None:
    cache = make_cache(6, "aa", "bb")
    assert (cache.take("a"), cache.take("a"), cache.take("c")) == ("aa", None, None)
    assert (kept(cache), cache.size) == ("b", 2)


def test_shrinking_takes_no_more_than_it_has_to_and_is_for_once() -> None:
    cache = make_cache(6, "aa", "bb", "cc")
    cache.shrink(5)
    assert (kept(cache), cache.size) == ("bc", 4)
    cache.shrink(0)
    assert (kept(cache), cache.size) == ("", 0)
    cache.put("d", "dddddd")
    assert cache.size == 6
