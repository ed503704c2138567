"""The classical methods: features, choices, real probabilities, the faster SVC, and what printed figures give away."""

import numpy as np
import pytest
import torch
from sklearn.svm import SVC as PlainSVC

from helpers import baselines, data, metrics, plots, results, stats
from helpers.baselines import Classical
from helpers.figures import classical as figures
from helpers.palette import PHOTOGRAPH_MODELS

SIX = ("airplane", "automobile", "bird", "cat", "deer", "dog")
METHODS = [*baselines.METHODS]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The drawn scenes of the embedded sample, six classes of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data.files, "_online", lambda: False)
        patch.delenv("DATA", raising=False)
        return data.load(
            "CIFAR10", classes=SIX, train=240, validation=60, test=60, root=tmp_path_factory.mktemp("none")
        )


def test_six_classes_of_ten_are_kept_numbered_and_counted(scenes):
    assert [len(part) for part in (scenes.train, scenes.validation, scenes.test)] == [240, 60, 60]
    assert scenes.classes == SIX and scenes.sample
    assert scenes.train.labels.bincount().tolist() == [40] * 6


def test_classes_come_in_the_order_given_with_the_images_they_had(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(data.files, "_online", lambda: False)
    everything = data.load("CIFAR10", root=tmp_path)  # the drawn sample: ten classes
    two = data.load("CIFAR10", classes=("dog", "bird"), root=tmp_path)
    assert torch.equal(two.test.images[two.test.labels == 0], everything.test.images[everything.test.labels == 5])
    assert torch.equal(two.test.images[two.test.labels == 1], everything.test.images[everything.test.labels == 2])
    assert len(two.test) == (two.test.labels < 2).sum()
    for wrong in (("dog", "unicorn"), ("dog", "dog")):
        with pytest.raises(data.DataError, match="has no class"):
            data.load("CIFAR10", classes=wrong, root=tmp_path)


def test_a_part_is_stratified_seeded_and_no_larger_than_the_whole(scenes):
    part = data.stratified_subset(scenes.train, 60, seed=0)
    assert part.labels.bincount().tolist() == [10] * 6
    assert torch.equal(part.images, data.stratified_subset(scenes.train, 60, seed=0).images)
    assert not torch.equal(part.images, data.stratified_subset(scenes.train, 60, seed=1).images)
    assert len(data.stratified_subset(scenes.train, 10**6, seed=0)) == 240
    with pytest.raises(data.DataError, match="no number of images"):
        data.stratified_subset(scenes.train, 0, seed=0)


def test_features_have_the_promised_shapes_and_see_what_they_should(scenes):
    images = scenes.train.images[:12]
    rows, features = baselines.pixels(images), baselines.hog_and_colour(images)
    assert rows.shape == (12, 3072) and rows.dtype == np.float32 and rows.max() <= 1
    assert features.shape == (12, 2472) and features.dtype == np.float32 and np.isfinite(features).all()
    # Without edges or colour nothing but lightness is left; and the edges of a picture have length one at both sizes.
    grey = baselines.hog_and_colour(torch.full((1, 3, 32, 32), 128, dtype=torch.uint8))[0]
    assert np.abs(grey[:2088]).max() == 0 and grey[2088] > 0
    for edges in (features[:, :1764], features[:, 1764:2088]):
        np.testing.assert_allclose(np.linalg.norm(edges, axis=1), 1, atol=0.05)
    # Of a grey image in colour, and as it is, edges and lightness are the same; the first has two more channels.
    one = scenes.train.images[:2, 0, :28, :28]
    plain, coloured = baselines.hog_and_colour(one), baselines.hog_and_colour(one[:, None].expand(-1, 3, -1, -1))
    assert plain.shape == (2, 1538) and coloured.shape == (2, 1440 + 6 * 49)
    np.testing.assert_allclose(plain[:, :1440], coloured[:, :1440], atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_chosen_fitted_and_gives_probabilities(scenes, name):
    methods = Classical(scenes, choice=120, components=30, seed=0)
    rows = methods.tune(name)
    assert [row["accuracy"] for row in rows] == sorted((row["accuracy"] for row in rows), reverse=True)
    model = methods.fit(name, rows[0]["settings"])
    p = model.probabilities(scenes.test.images)
    assert p.shape == (60, 6) and (p >= 0).all() and model.seconds > 0
    torch.testing.assert_close(p.sum(1), torch.ones(60))
    assert stats.accuracy(p, scenes.test.labels).value > 0.4
    assert torch.equal(p, methods.fit(name, rows[0]["settings"]).probabilities(scenes.test.images))
    assert (model.temperature is not None) == name.startswith("svm")
    assert model.temperature is None or model.temperature > 0


def test_components_of_learned_patches_are_twice_as_many_and_halfway_to_white(scenes):
    methods = Classical(scenes, choice=120, components=30, seed=0)
    plain, learned = methods.projected("svm_rbf_hog"), methods.projected("svm_kmeans")
    for seen, count, power in ((plain, 30, 0.0), (learned, 60, 0.5)):
        assert seen.train.shape == (len(scenes.train), count)
        spread = np.sqrt(seen.pca.explained_variance_)
        np.testing.assert_allclose(seen.train.std(0, ddof=1), spread ** (1 - power), rtol=1e-3)
        np.testing.assert_allclose(seen.of(scenes.validation.images), seen.validation, atol=1e-4)


def test_the_faster_svc_predicts_what_scikit_learns_does():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(300, 10)), np.arange(300) % 3
    x[np.arange(300), y] += 1.5
    for settings in ({"kernel": "linear"}, {"kernel": "poly", "coef0": 1.0}, {"kernel": "rbf"}):
        quick, plain = (machine(C=1.0, **settings).fit(x[:200], y[:200]) for machine in (baselines.SVC, PlainSVC))
        assert np.array_equal(quick.predict(x[200:]), plain.predict(x[200:]))


def test_untuned_methods_are_those_of_report_a(scenes):
    for name in METHODS[:4]:
        assert baselines.untuned_accuracy(name, scenes.train, scenes.test) > 0.3
    with pytest.raises(ValueError, match="Report A has no svm_rbf_hog"):
        baselines.untuned_accuracy("svm_rbf_hog", scenes.train, scenes.test)
    with pytest.raises(ValueError, match="components"):
        Classical(scenes, choice=120, components=0, seed=0)


def test_counts_behind_printed_accuracies_are_found():
    hits = [(104, 179), (115, 179), (120, 179)]
    printed = [round(a / n, 8) for a, n in hits]
    assert baselines.fitting_counts(printed, limit=600) == [179, 358, 537]
    accuracies = [round(9 / 11, 8), round(6 / 13, 8)]
    assert baselines.fitting_totals(accuracies, 0.625, digits=3, limit=30, total=24) == [(11, 13)]
    assert baselines.fitting_totals(accuracies, 0.9, digits=3, limit=30, total=24) == []


def test_report_a_tested_on_a_thousand_images_here_and_on_six_thousand_there():
    methods = ("svm_linear", "svm_poly", "logistic", "gaussian_nb")
    printed = [results.reported(f"A.Q3.{name}.class_accuracy") for name in methods]
    counts = [baselines.fitting_counts(values, limit=1000)[0] for values in zip(*printed, strict=True)]
    assert counts == [179, 171, 172, 159, 156, 163] and sum(counts) == 1000
    for name, values in zip(methods, printed, strict=True):
        hits = sum(round(a * n) for a, n in zip(values, counts, strict=True))
        assert hits == round(1000 * results.reported(f"A.Q3.{name}.accuracy"))
    cnn = results.reported("A.Q2.cnn.class_accuracy"), results.reported("A.Q2.cnn.accuracy")
    found = baselines.fitting_totals(*cnn, digits=3, limit=1500, total=6000)
    assert found == [(1004, 984, 966, 1085, 1056, 905)]


def test_figures_fit_the_page(scenes):
    images = scenes.test.images[data.first_of_each(scenes.test.labels)]
    p = torch.rand(60, 6, generator=torch.Generator().manual_seed(0)).softmax(1)
    labels = scenes.test.labels
    confusion = metrics.confusion_matrix(p, labels)
    image, kernel = torch.arange(25).view(5, 5), torch.arange(9).view(3, 3)
    drawn = [
        figures.picture_rows({"a": images, "b": images[:2]}),
        figures.feature_rows(images, SIX),
        figures.patches(torch.rand(400, 108, generator=torch.Generator().manual_seed(0))),
        figures.convolution(image, kernel, torch.zeros(3, 3)),
        figures.losses({"ffnn": [1.0], "cnn": [2.0, 1.0]}),
        figures.sample_probabilities({"cnn": p[:6], "svm_poly": p[6:12], "ffnn": p[:6]}, images, SIX),
        figures.class_confusion({"cnn": confusion, "svm_poly": confusion}, SIX, reported={"cnn": [0.4] * 6}),
    ]
    for figure in drawn:
        assert figure.get_figwidth() == plots.WIDTH
        plots.plt.close(figure)


def test_every_model_has_a_name():
    assert set(PHOTOGRAPH_MODELS) == {*METHODS, "ffnn", "report_a_cnn", "cnn"}
