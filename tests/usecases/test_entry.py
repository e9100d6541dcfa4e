from hypothesis import given
from hypothesis import strategies as st

from chalicelib.usecases.entry import comparable


def test_sequencers_are_compared_as_if_the_shorter_were_padded_on_the_right():
    ordered = ["0067A0B0C0D90281", "0067A0B0C0D90281E5", "0067a0bed0f90281", "0067A0BED0F902810001"]
    assert [comparable(one) for one in ordered] == sorted({comparable(one) for one in ordered})
    assert comparable("0a00") == comparable("0A")


@given(*2 * [st.text("0123456789ABCDEF", max_size=12)])
def test_to_compare_them_is_to_pad_the_shorter(one, other):
    width = max(len(one), len(other))
    padded = one.ljust(width, "0"), other.ljust(width, "0")
    assert (comparable(one) < comparable(other)) == (padded[0] < padded[1])
