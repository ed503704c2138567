"""Works cited in plain text: what counts as a citation, where it leads, and that text and bibliography agree."""

import json
import re

import pypdf
import pytest
from conftest import ROOT
from test_report import code, notebook, refusal, save, shown

from workflow.report import citations, pandoc
from workflow.report.build import build
from workflow.report.errors import ReportError

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAPS, PAIRED = "van der Maaten and Hinton 2008", "Bonett and Price 2012"
ROW = "<table><tr><td>of Glorot and Bengio (2010)</td></tr></table>"


def found(text):
    """What of a text is taken for a citation, and as what."""
    return [(match[0], citations.cited_as(match["names"], match["year"])) for match in citations.CITED.finditer(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("by (Smith and\nTopin, 2019), and", [("Smith and\nTopin, 2019", "Smith and Topin 2019")]),
        ("as Guo et al. (2017) say", [("Guo et al. (2017)", "Guo et al. 2017")]),
        ("as Guo et al. (2017, table 1)", [("Guo et al. (2017", "Guo et al. 2017")]),
        ("(Guo et al. 2017)", [("Guo et al. 2017", "Guo et al. 2017")]),
        ("Bonett & Price (2012)", [("Bonett & Price (2012)", PAIRED)]),
        ("has Wilson's (1927) interval", [("Wilson's (1927)", "Wilson 1927")]),
        ("O'Brien's (1984a)", [("O'Brien's (1984a)", "O'Brien 1984a")]),
        ("by van der Maaten and Hinton (2008)", [("van der Maaten and Hinton (2008)", MAPS)]),
        (
            "(HOG; Holm, 1979; Bonett and Price, 2012)",
            [("Holm, 1979", "Holm 1979"), ("Bonett and Price, 2012", PAIRED)],
        ),
        ("Report A (2021), CIFAR-10 (2009), In 2015, of 2,048 images, Wen et al. show, Table 2, 2019", []),
    ],
)
def test_what_is_a_citation(text, expected):
    assert found(text) == expected


def test_a_work_is_cited_by_its_authors_whoever_they_are():
    people = [{"family": "Kim", "given": "A."}, {"non-dropping-particle": "van", "family": "Dam"}]
    for given, expected in ((people, "Kim and van Dam"), ([{"literal": "The Board"}], "The Board")):
        assert citations.authors({"id": "k", "author": given, "issued": {}}) == expected
    with pytest.raises(ReportError, match="k has no author or no year"):
        citations.authors({"id": "k", "issued": {}})


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Both formats of a chapter that cites in text, in emphasis, in a table and in what code says."""
    folder = tmp_path_factory.mktemp("citations")
    text = "# T\n\nMuon (*Jordan et al., 2024*), Wilson's (1927) interval, [Guo et al. (2017)](https://a.b) apart. Guo."
    cells = [code("show()", shown("text/html", ROW)), code("say()", shown("text/markdown", "As Holm (1979) does."))]
    path = save(folder, notebook(text, *cells))
    html, pdf = folder / "report.html", folder / "report.pdf"
    build([path], folder / "report.toml", html=html, pdf=pdf)
    return html.read_text().replace("\xa0", " "), pypdf.PdfReader(pdf)


def test_each_citation_leads_to_its_entry_and_only_the_cited_are_listed(report):
    html, pdf = report
    cited = {"jordan2024", "wilson1927", "glorot2010", "holm1979"}
    assert set(re.findall(r'href="#ref-(\w+)"', html)) == set(re.findall(r'id="ref-(\w+)"', html)) == cited
    assert 'href="#ref-jordan2024">Jordan et al., 2024</a>' in html
    assert 'href="https://a.b">Guo et al. (2017)<' in html
    assert re.search(r'role="list">\s*<div[^>]*role="listitem"', html)
    words = " ".join(re.sub(r"<[^>]+>", " ", html.split(">References</h1>")[1]).split())
    texts = [" ".join(page.extract_text().split()) for page in pdf.pages]
    references = next(text for text in reversed(texts) if "Holm, Sture" in text)
    for text in (words, references):
        assert "Holm, Sture. 1979. “A Simple Sequentially Rejective Multiple Test Procedure.”" in text
        assert [text.index(name) for name in ("Glorot", "Holm", "Jordan", "Wilson")] == sorted(
            text.index(name) for name in ("Glorot", "Holm", "Jordan", "Wilson")
        )
    assert "References" in [entry.title for entry in pdf.outline if not isinstance(entry, list)]


def test_a_citation_without_an_entry_is_refused(tmp_path, capsys):
    path = save(tmp_path, notebook("# T", "As Nobody\net al. (1999) say."))
    mend = "add it, or, if it cites nothing, write it otherwise"
    assert refusal(path, capsys) == f"{path}, cell 2: references.bib has no entry for Nobody et al. (1999): {mend}"


@pytest.mark.parametrize(("text", "message"), [(None, "No such file"), ("@book{a, title = {", "unexpected")])
def test_a_bibliography_that_cannot_be_read_is_named(text, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(citations, "BIBLIOGRAPHY", tmp_path / "other.bib")
    citations.entries.cache_clear()
    if text is not None:
        citations.BIBLIOGRAPHY.write_text(text)
    said = refusal(save(tmp_path, notebook("# T", "As Holm (1979) does.")), capsys)
    assert said.startswith(f"{tmp_path / 'other.bib'}: ")
    assert message in said
    citations.entries.cache_clear()


def test_without_citations_there_is_no_chapter():
    assert citations.chapter(set()) == []


def test_the_chapters_cite_every_entry_and_nothing_else():
    texts, prose = [], []
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            texts.append("".join(cell["source"]))
            prose += texts[-1:] if cell["cell_type"] == "markdown" else []
    assert {key for _, key in found("\n".join(prose))} <= set(citations.entries())
    assert set(citations.entries()) <= {key for _, key in found("\n".join(texts))}


def test_every_entry_says_where_to_read_it_and_is_cited_in_one_way():
    works = json.loads(pandoc.run(["-f", "bibtex", "-t", "csljson"], citations.BIBLIOGRAPHY.read_text()))
    assert len(works) == len(citations.entries()) >= 20
    for work in works:
        assert re.match(r"10\.\d+/\S+", work.get("DOI", "")) or work.get("URL", "").startswith("https://"), work["id"]
