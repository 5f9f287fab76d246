"""Classical comparators: random forest, tree and support vector machine on handcrafted features.

Hyper-parameters are chosen by an inner cross-validation that is grouped by patient, as the outer one is, so nothing of
a test patient is ever seen.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

Classifier = Literal["forest", "svm", "tree"]
Floats = npt.NDArray[np.float64]

TREES = 200  # assumed
INNER_FOLDS = 3  # assumed
GRIDS: dict[Classifier, dict[str, list[Any]]] = {  # assumed: small, and the same for every family
    "forest": {"randomforestclassifier__min_samples_leaf": [1, 5, 15]},
    "svm": {"svc__C": [0.1, 1.0, 10.0]},
    "tree": {"decisiontreeclassifier__max_depth": [2, 4, 6]},
}


def model(classifier: Classifier, seed: int) -> Pipeline:
    """Return the unfitted pipeline: standardised features, then a forest, a tree, or an SVM with a radial kernel."""
    if classifier == "forest":
        return make_pipeline(StandardScaler(), RandomForestClassifier(TREES, random_state=seed))
    if classifier == "tree":
        return make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=seed))
    return make_pipeline(StandardScaler(), SVC(kernel="rbf", gamma="scale"))


def fit_predict(
    train: pd.DataFrame,
    labels: npt.NDArray[np.int64],
    patients: npt.NDArray[np.str_],
    test: pd.DataFrame,
    classifier: Classifier,
    seed: int,
) -> Floats:
    """Choose hyper-parameters by AUC on inner folds, fit on all training rows, return P(class 1) ``(len(test),)``.

    An SVM's decision value passes through a logistic function: the threshold 0.5 is its own, but it is no calibrated
    probability.
    """
    inner = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    search = GridSearchCV(model(classifier, seed), GRIDS[classifier], scoring="roc_auc", cv=inner)
    search.fit(train.to_numpy(), labels, groups=patients)
    if classifier != "svm":
        return np.asarray(search.predict_proba(test.to_numpy())[:, 1], dtype=np.float64)
    return np.asarray(expit(search.decision_function(test.to_numpy())), dtype=np.float64)
