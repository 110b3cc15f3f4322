"""CSV and TSV: delimiter, header, columns, and every kind of broken row."""

import pytest

from labeling.files import RefusedRow, Row
from tests.files.helpers import Folder


def test_every_column_has_its_place(folder: Folder) -> None:
    content = 'id,text,label,source,page\n7,"Hello, ""you""",greeting,mail,3\n'
    [row] = folder.read(content, id_column="id", gold_column="label")
    assert row == Row(1, 2, 'Hello, "you"', "7", "greeting", {"source": "mail", "page": "3"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(folder: Folder, delimiter: str) -> None:
    content = delimiter.join(("id", "text")) + "\n" + delimiter.join(("1", '"a, b; c | d"')) + "\n"
    assert folder.inspect(content).delimiter == delimiter
    assert folder.texts(content) == ["a, b; c | d"]


def test_a_decimal_comma_does_not_hide_the_semicolon(folder: Folder) -> None:
    content = "id;amount, EUR;text\n1;2,50;coffee, black\n2;3,10;tea\n"
    assert folder.inspect(content).delimiter == ";"


def test_the_delimiter_that_gives_a_text_column_is_preferred(folder: Folder) -> None:
    assert folder.inspect("a,b;text\n1,2;x\n").delimiter == ";"
    assert folder.inspect("a,b;c\n1,2;x\n", text_column="c").delimiter == ";"


def test_a_chosen_delimiter_counts(folder: Folder) -> None:
    assert folder.inspect("text;id\na,b;1\n", delimiter=",").columns == ("text;id",)
    assert folder.inspect("text\tid\na\t1\n", delimiter="tab").columns == ("text", "id")
    assert "cannot be a delimiter" in folder.sentence("text\na\n", delimiter="::")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read_and_lines_are_counted(folder: Folder, line_end: str) -> None:
    content = line_end.join(["id,text", "1,one", '2,"two', 'lines"', "3", "4,four"]) + line_end
    rows = folder.read(content)
    assert [(row.number, row.line_number) for row in rows] == [(1, 2), (2, 3), (3, 5), (4, 6)]
    assert isinstance(rows[1], Row)
    assert rows[1].text == f"two{line_end}lines"


def test_the_last_line_needs_no_line_end(folder: Folder) -> None:
    assert folder.texts("id,text\n1,one\n2,two") == ["one", "two"]


def test_an_empty_line_is_no_row(folder: Folder) -> None:
    rows = folder.read("\nid,text\n\n1,one\n\n\n2,two\n\n")
    assert [(row.number, row.line_number) for row in rows] == [(1, 4), (2, 7)]


def test_a_header_and_no_row_is_no_error(folder: Folder) -> None:
    assert folder.read("id,text\n") == []
    assert folder.read("id,text") == []


def test_the_line_taken_for_the_header_is_said(folder: Folder) -> None:
    inspection = folder.inspect("I lost my card\nWhere is my money?\n")
    assert inspection.header_line == 1
    assert "Line 1 was taken for the header: I lost my card" in inspection.warnings


def test_without_a_header_columns_are_numbered(folder: Folder) -> None:
    rows = folder.read("1,I lost my card\n2,Where is it?\n", has_header=False, text_column="column_2")
    assert [(row.line_number, row.text, row.metadata) for row in rows if isinstance(row, Row)] == [
        (1, "I lost my card", {"column_1": "1"}),
        (2, "Where is it?", {"column_1": "2"}),
    ]
    assert folder.texts("one\ntwo\n", has_header=False) == ["one", "two"]


def test_the_only_column_is_taken(folder: Folder) -> None:
    assert folder.texts("question\nWhere?\n") == ["Where?"]


def test_the_column_named_text_is_found_in_any_case(folder: Folder) -> None:
    assert folder.inspect("id, TEXT \n1,a\n").text_column == " TEXT "


def test_a_missing_column_names_those_that_exist(folder: Folder) -> None:
    sentence = folder.sentence("id,text\n1,a\n", text_column="body")
    assert sentence == "There is no column “body” for the text. The columns are: id, text."
    assert "“key”" in folder.sentence("id,text\n1,a\n", id_column="key")
    assert "“gold”" in folder.sentence("id,text\n1,a\n", gold_column="gold")


def test_a_repeated_column_that_is_used_is_refused(folder: Folder) -> None:
    assert "More than one column" in folder.sentence("text,text\na,b\n")
    assert "is there 2 times" in folder.sentence("id,id,text\na,b,c\n", id_column="id")


def test_a_repeated_column_that_is_not_used_gets_a_name_of_its_own(folder: Folder) -> None:
    inspection = folder.inspect("note,text,note,note_2,\n1,a,2,3,4\n")
    assert inspection.columns == ("note", "text", "note_3", "note_2", "column_5")
    assert any("“note” again" in warning for warning in inspection.warnings)
    assert folder.texts("note,text,text\n1,a,b\n", text_column="text_2") == ["b"]


def test_one_column_cannot_have_two_roles(folder: Folder) -> None:
    assert "different columns" in folder.sentence("id,text\n1,a\n", text_column="text", gold_column="text")


def test_a_ragged_row_is_refused_and_kept_as_it_was(folder: Folder) -> None:
    rows = folder.read("id,text\n1,one\n2,two,too much\n3\n4,four\n")
    refused = [row for row in rows if isinstance(row, RefusedRow)]
    assert [(row.number, row.line_number, row.reason.value, row.raw) for row in refused] == [
        (2, 3, "ragged_row", "2,two,too much"),
        (3, 4, "ragged_row", "3"),
    ]
    assert refused[0].sentence == "The row has 3 cells; there are 2 columns."
    assert len(rows) == 4


def test_a_blank_text_is_refused(folder: Folder) -> None:
    content = 'id,text\n1,\n2,"  "\n3,"\u00a0\u2003\n"\n4,x\n'
    assert folder.refusals(content) == [(2, "blank_text"), (3, "blank_text"), (4, "blank_text")]


def test_a_nul_costs_only_its_row(folder: Folder) -> None:
    content = b"id,text\n1,good\n2,b\0d\n\0,bad id\n4,good too\n"
    assert folder.texts(content) == ["good", "good too"]
    assert folder.refusals(content) == [(3, "bad_character"), (4, "bad_character")]
    assert [row.raw for row in folder.read(content) if isinstance(row, RefusedRow)] == ["2,b\\x00d", "\\x00,bad id"]


def test_zeros_after_the_last_row_cost_one_row(folder: Folder) -> None:
    content = b"text\n" + b"a good row\n" * 500 + b"\0" * 4096
    assert len(folder.texts(content)) == 500
    assert folder.refusals(content) == [(502, "bad_character")]


def test_a_quote_never_closed_costs_only_its_line(folder: Folder) -> None:
    content = 'id,text\n1,one\n2,"open\n3,three\n4,"four, quoted"\n5,five\n'
    assert folder.texts(content) == ["one", "three", "four, quoted", "five"]
    [refused] = [row for row in folder.read(content) if isinstance(row, RefusedRow)]
    assert (refused.number, refused.line_number, refused.reason.value) == (2, 3, "open_quote")
    assert refused.raw == '2,"open'
    assert refused.sentence == "A quote was opened in line 3 and never closed."


def test_a_quote_open_to_the_end_of_the_file_costs_only_its_line(folder: Folder) -> None:
    content = 'id,text\n1,one\n2,"open\n3,three\n4,four'
    assert folder.texts(content) == ["one", "three", "four"]
    assert folder.refusals(content) == [(3, "open_quote")]


def test_a_quote_open_in_a_file_where_every_cell_is_quoted_costs_only_its_line(folder: Folder) -> None:
    content = '"id","text"\n"1","one"\n"2","open\n"3","three"\n"4","fo""ur"\n'
    assert folder.texts(content) == ["one", "three", 'fo"ur']
    assert folder.refusals(content) == [(3, "open_quote")]


def test_a_quote_opened_later_in_a_row_of_several_lines_is_named_with_its_line(folder: Folder) -> None:
    content = 'id,note,text\n1,"two\nlines","open\n2,x,good\n'
    rows = folder.read(content)
    assert isinstance(rows[0], RefusedRow)
    assert (rows[0].line_number, rows[0].raw) == (2, '1,"two\nlines","open')
    assert "opened in line 3 " in rows[0].sentence
    assert isinstance(rows[1], Row)
    assert (rows[1].line_number, rows[1].text) == (4, "good")


def test_quotes_inside_a_line_are_read_as_the_csv_module_reads_them(folder: Folder) -> None:
    assert folder.texts('id,text\n1,5" pipe\n2,"He said "hi" to me"\n') == ['5" pipe', 'He said hi" to me"']


def test_a_header_that_never_ends_gets_a_sentence(folder: Folder) -> None:
    assert folder.sentence('id,"text\n1,a\n2,b\n') == "The header opens a quote that is never closed."
    assert folder.sentence('id,"text\n1,"a"\n2,b\n') == "The header opens a quote that is never closed."


def test_a_header_of_several_lines_is_read(folder: Folder) -> None:
    assert folder.inspect('id,"the\ntext"\n1,a\n', text_column="the\ntext").first_line == 3


def test_a_text_over_the_limit_is_refused(folder: Folder) -> None:
    content = f"id,text\n1,{'ü' * 50}\n2,{'ü' * 51}\n3,{'u' * 100}\n"
    assert folder.refusals(content, document_bytes=100) == [(3, "too_large")]


def test_a_large_text_is_read_whole(folder: Folder) -> None:
    text = "line of a book, with a comma\n" * 200_000
    content = f'id,text\n1,"{text}"\n2,after\n'
    assert folder.texts(content) == [text, "after"]
    assert folder.refusals(content, document_bytes=5_000_000) == [(2, "too_large")]


def test_a_text_far_over_the_limit_is_one_refused_row(folder: Folder) -> None:
    text = 'line of a book, with a ""quote""\n' * 200_000
    content = f'text\nbefore\n"{text}"\nafter\n'
    assert folder.texts(content, document_bytes=1_000) == ["before", "after"]
    rows = folder.read(content, document_bytes=1_000)
    assert [(row.number, row.line_number) for row in rows] == [(1, 2), (2, 3), (3, 200_004)]
    assert isinstance(rows[1], RefusedRow)
    assert rows[1].sentence == "The row is larger than 2,002,000 bytes."


def test_a_line_far_over_the_limit_is_one_refused_row(folder: Folder) -> None:
    content = "text\nbefore\n" + "x" * 5_000_000 + "\nafter\n" + "y" * 5_000_000
    rows = folder.read(content, document_bytes=1_000)
    assert [(row.number, row.line_number, isinstance(row, Row)) for row in rows] == [
        (1, 2, True),
        (2, 3, False),
        (3, 4, True),
        (4, 5, False),
    ]
    assert isinstance(rows[1], RefusedRow)
    assert len(rows[1].raw) < 11_000


def test_a_quote_open_over_many_megabytes_swallows_nothing(folder: Folder) -> None:
    content = 'id,text\n1,"open\n' + "2,a good row of text\n" * 500_000 + '3,"quoted"\n'
    rows = folder.read(content, document_bytes=1_000)
    assert sum(isinstance(row, Row) for row in rows) == 500_001
    assert [row.line_number for row in rows if isinstance(row, RefusedRow)] == [2]


def test_a_long_name_is_refused_and_not_cut(folder: Folder) -> None:
    content = f"id,text,label\n{'x' * 513},a,b\n1,a,{'y' * 513}\n{'x' * 512},a,{'y' * 512}\n"
    refused = [row for row in folder.read(content, id_column="id", gold_column="label") if isinstance(row, RefusedRow)]
    assert [(row.line_number, row.reason.value) for row in refused] == [(2, "too_large"), (3, "too_large")]
    assert "Is it the right column?" in refused[0].sentence


def test_a_wrong_delimiter_is_guessed_at(folder: Folder) -> None:
    inspection = folder.inspect("text\none, two\nthree, four\nfive, six\n")
    assert any("Is the delimiter right" in warning for warning in inspection.warnings)


def test_odd_separators_inside_a_text_do_not_end_a_line(folder: Folder) -> None:
    text = "a\u2028b\u0085c\x0bd\x0ce\x1cf"
    assert folder.texts(f"text,id\n{text},1\n") == [text]
    assert folder.texts(f"{text}\n", "a.txt") == [text]


@pytest.mark.parametrize("has_header", [True, False])
def test_a_line_of_a_million_columns_is_refused_at_once(folder: Folder, has_header: bool) -> None:
    wide = ",".join(["text", *map(str, range(1_000_000))]) + "\n"
    assert "1,000,001 columns; 5,000 are read" in folder.sentence(wide + wide, has_header=has_header)


def test_a_row_of_a_million_cells_shows_its_beginning_and_is_refused(folder: Folder) -> None:
    content = "text\n" + "," * 1_000_000 + "\nshort\n"
    assert [len(cells) for cells in folder.inspect(content).preview] == [2, 1]
    assert folder.texts(content) == ["short"]


def test_a_column_that_is_there_five_thousand_times_is_counted_once_and_warned_of_shortly(folder: Folder) -> None:
    inspection = folder.inspect(",".join(["text", *["a"] * 4_999]) + "\n")
    assert inspection.columns[-1] == "a_4999"
    assert len(inspection.warnings) < 40
    assert "4,968 more columns" in inspection.warnings[-1]


def test_a_long_first_line_is_no_long_name(folder: Folder) -> None:
    content = "x" * 3_000_000 + "\nanother document\n"
    inspection = folder.inspect(content)
    assert max(map(len, (*inspection.columns, inspection.header_text, *inspection.warnings))) <= 300
    assert folder.texts(content) == ["another document"]
    assert folder.texts(content, has_header=False)[1] == "another document"
