"""The cut of the Korean font: every letter drawn as in the whole font, whatever is asked for, the same bytes each time."""

from __future__ import annotations

from io import BytesIO

import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont

from gsan_lib import fonts

TEXT = "".join(map(chr, range(0xAC00, 0xD7A4, 97))) + "갂갃 éÀ AVWA 0123456789.,·–%㎡→"  # 갂 is put together from parts


def drawn(font: TTFont) -> dict[int, tuple[object, int]]:
    """Outline and width of every character."""
    glyphs, found = font.getGlyphSet(), {}
    for sign, name in font.getBestCmap().items():
        pen = DecomposingRecordingPen(glyphs)
        glyphs[name].draw(pen)
        found[sign] = (pen.value, glyphs[name].width)
    return found


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("flavor", ["woff", "woff2"])
def test_every_letter_of_a_cut_is_drawn_as_in_the_whole_font(bold, flavor):
    whole = drawn(TTFont(fonts.font_file(bold)))
    cut = drawn(TTFont(BytesIO(fonts.web_font(TEXT, bold, flavor=flavor))))
    assert cut.keys() == {ord(sign) for sign in TEXT} & whole.keys()
    assert len(cut) > 100
    assert {sign for sign in cut if cut[sign] != whole[sign]} == set()


def test_kerning_is_kept():
    pairs = TTFont(BytesIO(fonts.web_font("AVWA")))["kern"].kernTables[0].kernTable
    assert pairs == {
        pair: value for pair, value in TTFont(fonts.font_file())["kern"].kernTables[0].kernTable.items() if set(pair) <= set("AVW")
    }
    assert pairs


def test_a_cut_does_not_depend_on_what_was_cut_before():
    first = fonts.web_font("갂가나다")
    fonts.web_font(TEXT)
    assert fonts.web_font("다나가갂") == first
