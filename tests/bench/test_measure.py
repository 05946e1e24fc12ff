from bench.measure import Cost, Result, Spread, alone, alternate, ratio, spread


def test_the_median_of_an_even_number_lies_between_the_middle_ones() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(1.0, 2.5, 4.0)
    assert spread([3.0]) == alone(3.0)


def test_ratios_are_taken_pair_by_pair() -> None:
    ours, theirs = [Cost(1, 1), Cost(2, 2)], [Cost(30, 10), Cost(80, 40)]
    result = ratio("csim", "network", "peer", ours, theirs, limit=20)
    assert (result.value, result.wall) == (Spread(10, 15, 20), Spread(30, 35, 40))
    assert result.met is False


def test_sides_take_turns_and_the_first_round_is_thrown_away() -> None:
    calls = []

    def side(name: str) -> Cost:
        calls.append(name)
        return Cost(len(calls), len(calls))

    first, second = alternate([lambda: side("a"), lambda: side("b")], 2)
    assert "".join(calls) == "ababab"
    assert [c.cpu for c in first] == [3, 5] and [c.cpu for c in second] == [4, 6]


def test_a_goal_is_a_floor_for_ratios_and_a_ceiling_for_all_else() -> None:
    assert Result("a", "", "", alone(2.0), "x", 1).met
    assert not Result("a", "", "", alone(2.0), "s", 1).met
    assert Result("a", "", "", alone(2.0), "s").met is None
