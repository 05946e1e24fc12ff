import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.lower.network import lower_proved
from fireline.codegen.plan.choice import plan_for
from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.sim.accuracy import agreement, engine_accuracy, predictions, scores
from fireline.sim.dataflow.simulator import simulate
from fireline.sim.engines import Engine, simulator
from fireline.sim.report.accuracy import Disagreement
from fireline.sim.report.page import Report, render, write_report
from fireline.sim.statistics import Statistics
from fireline.sim.verify import verify
from tests.graphs import fire_network, random_pixels
from tests.random_networks import random_model

HOSTILE = '<script>alert("x")</script>&amp;\'" onload=1 {{ 7 * 7 }}'


def full_report(graph: Graph | None = None, classes: int = 10, name: str = "class") -> Report:
    """A report with every section, of random images and labels."""
    graph = graph or fire_network()
    graph = Graph(graph.name, tuple(replace(node, source=node.name) for node in graph.nodes))
    random = np.random.default_rng(0)
    images = random_pixels(graph, 8)
    statistics = Statistics(graph)
    trace = graph.trace(images)
    floats = {node.source: node.output.real(trace[node.name]) + 0.1 for node in graph.nodes if node.source}
    statistics.update(trace, floats)
    engine = simulator(graph)
    checked = verify(graph, engine, [Engine("csim", engine.run)], [images])
    labels = random.integers(0, classes, 300)
    firmware = random.normal(0, 1, (300, classes)) + 3 * np.eye(classes)[labels]
    floating = firmware + random.normal(0, 0.3, firmware.shape)
    agreed = agreement(floating, firmware)
    plan = plan_for(graph, "xc7z020")
    return Report(
        title=f"{graph.name}, {name}",
        graph=graph,
        plan=plan,
        timing=simulate(plan),
        facts=(("model", name), ("bits", "w8a8")),
        verification=checked,
        floating=engine_accuracy("float", floating, labels),
        engines=(engine_accuracy("simulator", firmware, labels),),
        agreement=agreed,
        statistics=statistics.nodes(),
        classes=tuple(f"{name} {i}" for i in range(classes)),
        disagreements=tuple(
            Disagreement(
                i, images[0], int(labels[i]), int(predictions(floating)[i]), int(predictions(firmware)[i])
            )
            for i in agreed.differ[:3]
        ),
    )


def page_of(report: Report) -> ET.Element:
    """The page, read by a parser that forgives nothing."""
    return ET.fromstring(render(report).removeprefix("<!DOCTYPE html>"))


def text_of(page: ET.Element) -> str:
    return " ".join(" ".join(page.itertext()).split())


def test_the_same_report_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(tmp_path / f"{name}.html", full_report())
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_nothing_is_loaded_from_outside() -> None:
    page = render(full_report())
    assert not re.search(r"https?:|//[a-z]|@import|src=\"(?!data:)|url\((?!#)", page.replace("// Hover", ""))
    links = [element.attrib["href"] for element in page_of(full_report()).iter() if "href" in element.attrib]
    assert links and all(link.startswith("#") for link in links)


def test_every_link_has_its_place_and_every_id_is_unique() -> None:
    page = page_of(full_report())
    ids = [element.attrib["id"] for element in page.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    links = {element.attrib["href"][1:] for element in page.iter() if "href" in element.attrib}
    assert links <= set(ids)
    labels = {
        element.attrib["aria-labelledby"] for element in page.iter() if "aria-labelledby" in element.attrib
    }
    assert labels <= set(ids)


def test_the_page_can_be_read_aloud() -> None:
    page = page_of(full_report())
    assert page.attrib["lang"] == "en"
    assert all(image.attrib["alt"] for image in page.iter("img"))
    assert all("scope" in head.attrib for head in page.iter("th"))
    assert {element.tag for element in page.find("body") or []} >= {"header", "nav", "main", "footer"}
    assert len(list(page.iter("h1"))) == 1


def test_names_from_outside_are_text() -> None:
    report = full_report(name=HOSTILE)
    assert "alert(" in render(report)
    page = page_of(report)
    assert len(list(page.iter("script"))) == 1
    assert "alert(" not in "".join(next(page.iter("script")).itertext())
    assert " ".join(HOSTILE.split()) in text_of(page)
    assert not any(key.startswith("on") for element in page.iter() for key in element.attrib)


def test_the_verdict_is_exact_only_with_a_witness() -> None:
    report = full_report()
    assert "Exact: 0 mismatches" in text_of(page_of(report))
    assert "Not verified" in text_of(page_of(replace(report, verification=None)))
    graph = report.graph
    alone = verify(graph, simulator(graph), [], [random_pixels(graph, 1)])
    assert "Not verified" in text_of(page_of(replace(report, verification=alone)))


def test_the_verdict_names_the_first_mismatch() -> None:
    report = full_report()
    graph = report.graph

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        trace = {name: values.copy() for name, values in graph.trace(images).items()}
        trace["fire2_squeeze"][0, 3, 1, 2] += 1
        return trace

    checked = verify(graph, simulator(graph), [Engine("csim", run)], [random_pixels(graph, 2)])
    text = text_of(page_of(replace(report, verification=checked)))
    assert (
        "1 mismatch csim differs in 1 integer, first at node fire2_squeeze, image 0, channel 3, pixel (1, 2)"
        in text
    )
    assert "Exact:" not in text


@pytest.mark.parametrize(
    ("nothing", "sentence"),
    [
        ({"floating": None, "engines": ()}, "no labels"),
        ({"agreement": None, "disagreements": ()}, "float network was not run"),
        ({"statistics": ()}, "No images were run"),
        ({"plan": None, "timing": None}, "has not been planned"),
        ({"timing": None}, "not been simulated cycle by cycle"),
    ],
)
def test_what_is_absent_leaves_a_sentence(nothing: dict[str, object], sentence: str) -> None:
    text = text_of(page_of(replace(full_report(), **nothing)))  # type: ignore[arg-type]
    assert sentence in text
    assert sentence not in text_of(page_of(full_report()))


def test_a_graph_alone_is_a_report() -> None:
    graph = fire_network()
    text = text_of(page_of(Report("network", graph)))
    assert all(node.name in text for node in graph.nodes)


def test_many_classes_show_the_most_confused_pairs() -> None:
    page = text_of(page_of(full_report(classes=40)))
    assert "Most confused" in page and "Confusion matrix" not in page
    assert "too few images" not in page and "weakest" in page
    assert "too few images" in text_of(page_of(full_report(classes=200)))


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FirelineError, match="cannot be written"):
        write_report(tmp_path / "file" / "report.html", full_report())


def test_scores_fit_the_report() -> None:
    graph = fire_network()
    images = random_pixels(graph, 4)
    firmware = engine_accuracy("simulator", scores(graph, graph.simulate(images)), np.array([0, 1, 2, 3]))
    assert "4" in text_of(page_of(Report("network", graph, engines=(firmware,))))


def test_the_proofs_are_told(tmp_path: Path) -> None:
    lowered = lower_proved(random_model(tmp_path, 1003, power_of_two=False))
    report = Report(title="x", graph=lowered.graph, proofs=lowered.proofs)
    told = text_of(page_of(report))
    boundaries = max(proof.boundaries for proof in lowered.proofs.values())
    assert "Boundaries checked" in told and f" {boundaries:,} " in told and " multiplier " in told
    assert "no proof is at hand" in text_of(page_of(replace(report, proofs={})))
