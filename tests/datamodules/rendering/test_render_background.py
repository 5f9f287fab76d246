"""The surroundings: lung at its density, parts at their frequency, the same for the same case."""

import numpy as np
import pytest

from medrepro.datamodules.rendering.anatomy import background


def test_cases_have_lung_and_their_share_of_tissue() -> None:
    scenes = [background(32, 2.0, (0, case, 1)) for case in range(60)]
    lung = [float(np.median(scene[scene < -600])) for scene in scenes]
    assert np.mean(lung) == pytest.approx(-872, abs=15)
    assert np.std(lung) == pytest.approx(28, abs=12)
    tissue = np.array([(scene > -200).mean() for scene in scenes])
    assert 0.25 < (tissue > 0.05).mean() < 0.85  # a wall in half of the cases, a body in a third
    assert 0.05 < tissue.mean() < 0.3


def test_case_is_named_by_its_seeds() -> None:
    np.testing.assert_array_equal(background(16, 2.0, (0, 1, 2)), background(16, 2.0, (0, 1, 2)))
    assert (background(16, 2.0, (0, 1, 2)) != background(16, 2.0, (0, 1, 3))).mean() > 0.9
