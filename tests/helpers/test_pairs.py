"""Test sets, tests of pairs, their sentences and their figures."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
import torch
from test_comparison import leave, read

from helpers import stats
from helpers.comparison import claims, pairs
from helpers.figures import comparison as figures

SIX = "07_classical_baselines"


def guesses(labels, right, classes=3):
    """Probabilities that are right on the first ``right`` images only."""
    shifted = torch.where(torch.arange(len(labels)) < right, labels, (labels + 1) % classes)
    return torch.nn.functional.one_hot(shifted, classes).float()


@pytest.fixture
def found(tmp_path):
    labels = torch.arange(60) % 3
    predictions = {"cnn": guesses(labels, 55), "ffnn": guesses(labels, 35), "svm_rbf_hog": guesses(labels, 33)}
    seconds = {"cnn.fit_seconds": 20.0, "ffnn.fit_seconds": 2.0, "svm_rbf_hog.fit_seconds": 3.0}
    leave(tmp_path, SIX, metrics=seconds, predictions=predictions | {"labels": labels}, data={"CIFAR10": "x"})
    digits = {"scratch": guesses(labels, 50), "pca": guesses(labels, 50)}
    leave(tmp_path, "01_autoencoder", predictions=digits | {"labels": labels})
    codes = {"ae.clean": guesses(labels, 40), "ae.noisy": guesses(labels, 30)}
    leave(tmp_path, "02_denoising", predictions=codes | {"labels": labels})
    leave(tmp_path, "03_center_loss", predictions={"ae.softmax": guesses(labels[:50], 9), "labels": labels[:50]})
    return read(tmp_path)


def test_models_share_a_test_set_when_data_and_labels_are_the_same(found):
    sets = pairs.test_sets(found.runs)
    members = [[(model.chapter[:2], model.key) for model in test_set.models] for test_set in sets]
    assert members == [
        [("01", "scratch"), ("01", "pca"), ("02", "ae.clean")],
        [("02", "ae.noisy")],
        [("03", "ae.softmax")],
        [("07", "cnn"), ("07", "ffnn"), ("07", "svm_rbf_hog")],
    ]
    assert sets[0].title == "MNIST: 60 test images of 3 classes" and "noise of chapter 2" in sets[1].title
    assert sets[3].data == "CIFAR10" and sets[1].pairs == {}


def test_models_on_images_with_noise_are_compared_within_a_chapter_which_draws_it(tmp_path):
    labels = torch.arange(60) % 3
    for chapter in ("02_denoising", "03_center_loss"):
        leave(
            tmp_path, chapter, predictions={"a": guesses(labels, 30), "a.noisy": guesses(labels, 20), "labels": labels}
        )
    sets = pairs.test_sets(read(tmp_path).runs)
    assert [[model.key for model in test_set.models] for test_set in sets] == [["a", "a"], ["a.noisy"], ["a.noisy"]]


def test_a_difference_that_only_the_correction_unsettles_is_told_with_both_p_values(tmp_path):
    labels = torch.arange(60) % 3
    models = {"one": guesses(labels, 60), "two": guesses(labels, 54), "three": guesses(labels, 53)}
    leave(tmp_path, SIX, predictions=models | {"labels": labels})
    text = pairs.comparison_sentence(pairs.test_sets(read(tmp_path).runs), SIX, "one", SIX, "two")
    assert "do not differ significantly" in text and "p = 0.031 by itself, corrected p = 0.062" in text


def test_pairs_hold_both_tests_and_the_correction_of_their_set(found):
    test_set = pairs.test_sets(found.runs)[3]
    exact = {place: pair.exact for place, pair in test_set.pairs.items()}
    assert exact == {(0, 1): 2 / 2**20, (0, 2): 2 / 2**22, (1, 2): 0.5}
    corrected = stats.holm(list(exact.values()))
    assert [pair.corrected for pair in test_set.pairs.values()] == corrected
    pair = test_set.pairs[0, 1]
    assert (pair.only_a, pair.only_b) == (20, 0) and pair.significant and not test_set.pairs[1, 2].significant
    assert pair.asymptotic == stats.mcnemar_asymptotic(20, 0)
    assert pair.difference.value == pytest.approx(20 / 60)


def test_sentences_turn_with_the_result_and_say_what_was_not_run(found):
    sets = pairs.test_sets(found.runs)
    for duel in (("cnn", "ffnn"), ("ffnn", "cnn")):
        text = pairs.comparison_sentence(sets, SIX, duel[0], SIX, duel[1])
        assert text.startswith("Our CNN beats the feed-forward net: 92% against 58%, +33 points")
    assert "do not differ significantly" in pairs.comparison_sentence(sets, SIX, "ffnn", SIX, "svm_rbf_hog")
    text = pairs.comparison_sentence(sets, SIX, "cnn", "01_autoencoder", "scratch")
    assert text == "Our CNN and the scratch AE code were not both run on the same images."
    assert (
        pairs.comparison_sentence([], SIX, None, SIX, "cnn")
        == "A model and our CNN were not both run on the same images."
    )


def test_who_is_ahead_and_how_many_mistakes_are_shared(found):
    sets = pairs.test_sets(found.runs)
    assert pairs.ahead(sets, SIX, "cnn", SIX, "ffnn") and not pairs.ahead(sets, SIX, "ffnn", SIX, "cnn")
    assert not pairs.ahead(sets, SIX, "ffnn", SIX, "svm_rbf_hog") and not pairs.ahead(sets, SIX, None, SIX, "cnn")
    assert pairs.shared_mistakes(sets, SIX, "cnn", SIX, "ffnn") == 5
    assert pairs.shared_mistakes(sets, SIX, "cnn", "01_autoencoder", "pca") is None


def test_names_families_and_the_best_of_one(found):
    assert pairs.name_of("02_denoising", "ae.noisy") == "AE code"
    assert pairs.name_of("03_center_loss", "ae.softmax.noisy") == "AE, softmax loss"
    assert pairs.name_of("09_new", "big_net.second") == "big net, second"
    sets = pairs.test_sets(found.runs)
    assert pairs.best(sets, SIX, "classical") == "svm_rbf_hog" and pairs.best(sets, "05", "classical") is None
    assert [model.key for model in pairs.unbeaten(sets[3].models)] == ["ffnn", "cnn"]


def test_figures_with_and_without_results(found):
    sets, answered = pairs.test_sets(found.runs), claims.answers(found)
    drawn = [figures.matrices(sets), figures.against_seconds(sets)]
    assert [len(figure.axes) for figure in drawn] == [2, 1]  # one model alone makes no matrix
    words = {text.get_text() for text in drawn[0].axes[1].texts}
    assert {"+33.3", "<.001", "+3.3", ".500"} <= words
    names = {text.get_text().strip() for text in drawn[1].axes[0].texts}
    assert names == {"our CNN", "feed-forward net", "RBF SVM on HOG + colour"}
    figures.stated_accuracies(answered)
    for figure in (figures.matrices([]), figures.against_seconds([])):
        assert "among the results" in figure.axes[0].texts[0].get_text()
    plt.close("all")


def test_names_stand_apart_from_each_other_and_from_the_points(found):
    for figure in (figures.against_seconds(pairs.test_sets(found.runs)) for _ in range(2)):
        axis, boxes = figure.axes[0], [text.get_window_extent() for text in figure.axes[0].texts]
        points = [axis.transData.transform(line.get_xydata()[0]) for line in axis.lines if len(line.get_xydata()) == 1]
        assert len(boxes) == len(points) == 3
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        assert not any(box.contains(*point) for box in boxes for point in points)
        places = [text.get_position() for text in axis.texts]
    first = figures.against_seconds(pairs.test_sets(found.runs))
    assert places == [text.get_position() for text in first.axes[0].texts], "the same results give the same figure"
    plt.close("all")
