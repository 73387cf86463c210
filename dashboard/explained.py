"""What the Help page says: every score and rule with its formula and source, the glossary, the keys.

The contract: the glossary is the README's (tested); formulas are ours, in LaTeX, and hold nothing from a catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One score or rule.

    Attributes:
        text: What it is and which way is strange, in plain words.
        formula: LaTeX, or empty.
        where: What the letters of the formula stand for.
        source: Where it comes from.
    """

    title: str
    text: str
    formula: str = ""
    where: str = ""
    source: str = ""


SCORES = (
    Entry(
        "OOD score: how strange a picture is",
        "A network turns every region into a vector. The score is the mean cosine distance to the k reference regions "
        "whose vectors are most like it. 0 is a copy, 1 is unrelated, 2 is the most. Larger is stranger.",
        r"s(x) = \frac{1}{k} \sum_{n=1}^{k} \bigl(1 - e(x) \cdot e_n\bigr), \qquad e = f / \lVert f \rVert",
        "f(x): the network's vector of region x; e: the same at unit length; e₁ … eₖ: the nearest reference regions.",
        "Kuan & Mueller 2022, arXiv 2207.03061; Sun et al. 2022, arXiv 2204.06507.",
    ),
    Entry(
        "Leave one group out: never compared with its own dive",
        "Frames of one dive are near copies. With them in, the reference would look too familiar and every new dive "
        "strange. So a region is compared with the reference without its own group. An image without a group is a "
        "group of its own. One k serves the whole run, small enough for every group.",
        r"s(x) = s\bigl(x;\, R \setminus g(x)\bigr), \qquad k \le \min_g \lvert R \setminus g \rvert",
        "R: the reference; g(x): the regions of x's own group.",
    ),
    Entry(
        "p-value: how often this would happen by chance",
        "The share of independent reference groups' regions that score at least as high, each group counting the same. "
        "Smaller is stranger. Flagged is p ≤ α: of a random region of a random new group with nothing new in it, the "
        "false-alarm rate is at most α. The smallest p is 1/(G + 1), so with fewer than 19 groups nothing can be "
        "certified at α = 0.05.",
        r"p(x) = \frac{1 + \sum_g \frac{1}{n_g}\, \#\{i \in g : a_i \ge s(x)\}}{G + 1}, \qquad "
        r"a_i = s(x_i;\, R \setminus g_i)",
        "G: independent reference groups, x's own never among them; n: regions of a group; a: their own scores.",
        "Hierarchical conformal prediction: Lee, Barber & Willett 2023, arXiv 2306.06342; outlier p-values: Bates et "
        "al. 2023, arXiv 2104.08279.",
    ),
    Entry(
        "Percentile rule: offered where nothing can be certified",
        "Marks what scores above the reference's 95th percentile, without a promise for new dives: frames of a dive "
        "resemble each other, and on simulated dives with nothing new in them this rule marked 34–47 % of new dives' "
        "frames where 5 % were meant. A run stores the rule it used and never changes its flags.",
        r"s(x) > Q_{0.95}\{a_i : i \in R\}",
        "Q: the quantile of the reference's own scores.",
    ),
)
"""How strange."""

PLACES = (
    Entry(
        "Map: UMAP",
        "Puts every region on a plane so that those with similar vectors lie together. What is near is alike. How far "
        "apart two clouds lie, how large they are and how they are turned means nothing. Layouts are seeded: the same "
        "run gives the same map.",
        r"\min_{y}\ \sum_{i \ne j} v_{ij} \log \frac{v_{ij}}{w_{ij}} + (1 - v_{ij}) \log \frac{1 - v_{ij}}{1 - w_{ij}}",
        "v: how close two regions are among their neighbours in the network's space; w: how close on the map.",
        "McInnes, Healy & Melville 2018, arXiv 1802.03426.",
    ),
    Entry(
        "Clusters and noise: HDBSCAN",
        "Finds groups that stay together over a range of densities on the map, largest first from 0. Noise belongs to "
        "no cluster; it is often what is rare. A cluster is a group of similar pictures, not a species. Beyond 200,000 "
        "regions the tree is found by way of the map's triangulation: the same tree, sooner; where edges are equally "
        "long, the nearer pair goes first.",
        r"d(a, b) = \max\{\mathrm{core}(a),\ \mathrm{core}(b),\ \lVert a - b \rVert\}",
        "core(a): distance from a to its n-th nearest neighbour; clusters are cut from the tree of d by persistence.",
        "Campello, Moulavi & Sander 2013, doi 10.1007/978-3-642-37456-2_14; McInnes, Healy & Astels 2017, JOSS 2(11).",
    ),
    Entry(
        "Species or dives? What clusters sort by",
        "Compares the clusters with the concepts that people named, and with groups such as dives. 0 is what chance "
        "gives, 1 the same division. Where groups score higher, the clusters follow light, camera and ground more than "
        "animals.",
        r"\mathrm{AMI}(U, V) = \frac{I(U, V) - \mathbb{E}[I]}{\tfrac12 (H(U) + H(V)) - \mathbb{E}[I]}",
        "I: what two divisions of the regions say of each other; H: what each says; E: of random ones of these sizes.",
        "Vinh, Epps & Bailey 2010, JMLR 11, 2837.",
    ),
    Entry(
        "Very many regions: neighbours found approximately",
        "Beyond 200,000 regions on a processor not every pair is compared. Vectors are divided into cells, and "
        "neighbours are sought in the cells that promise most, as many as the exact neighbours of a sample ask for. A "
        "region's own group is left out as ever, and distances are exact. The recall, measured on another sample and "
        "shown on Map and Runs, says which share of the true neighbours was found.",
        r"\mathrm{recall} = \frac{1}{|S|} \sum_{i \in S} \frac{|N_k(i) \cap \tilde N_k(i)|}{k}",
        "S: the sample; N: the k true neighbours; Ñ: those that were found.",
        "Jégou, Douze & Schmid 2011, doi 10.1109/TPAMI.2010.57, the inverted file without its codes.",
    ),
    Entry(
        "New images on an old map: approximate",
        "Another run's regions, or pictures of one's own, can be laid over this map, which does not move: each stands "
        "at the weighted mean of its 15 nearest neighbours here. What is far from everything has no true place, so "
        "look at its distance first. Pictures stay placed until they are removed, and are no part of the run.",
        r"y(x) = \frac{\sum_n w_n\, y_n}{\sum_n w_n}, \qquad w_n = e^{-(d_n - d_1) / \sigma}, \quad "
        r"\sum_n w_n = \log_2 k",
        "d: cosine distances to the k nearest regions of the map; yₙ: their places.",
        "McInnes, Healy & Melville 2018, arXiv 1802.03426, algorithm 3: where UMAP's own transform begins.",
    ),
)
"""Where it sits."""

REASONS = (
    Entry(
        "Where does the score sit? The exact map",
        "For networks that end in an average over the picture, the score is a sum over its cells, with nothing left "
        "over and no approximation: the cells add up to the score.",
        r"s(x) = \sum_{ij} d_{ij}, \qquad d_{ij} = \frac{1}{HW} \sum_c \frac{A_{c,ij}\,(e_c - m_c)}{\lVert f \rVert}",
        "A: the network's last maps, H × W cells; m: the mean vector of the k neighbours that made the score.",
    ),
    Entry(
        "What makes it stranger than itself? The centred map",
        "Nearly every cell adds something to a score. The centred map takes away each cell's fair share: positive "
        "cells make the picture stranger, negative cells more familiar, and all together are 0. It answers for the "
        "score, not for small things: on real frames of two cameras its highest place lay on an animal in 11 % and "
        "24 % of pictures, that of the mere length of the features of a larger input in 18 % and 38 %.",
        r"c_{ij} = d_{ij} - s\, q_{ij}, \qquad q_{ij} = \frac{A_{ij} \cdot e}{HW \lVert f \rVert}, \qquad "
        r"\sum_{ij} c_{ij} = 0",
        "q: the cell's share in the picture's own vector; all shares together are 1.",
    ),
    Entry(
        "What has the reference never shown? The novelty map",
        "Compares every cell with the cells of the reference, wherever they lie, its own group left out. Orange cells "
        "are newer than 95 % of the reference's own. A second opinion that adds up to nothing. Seen closer (an input "
        "twice as large) it finds small animals best: on real frames of two cameras 16 % and 35 % of what it marks "
        "lies on them, against 4 % and 11 % of the best map that knows nothing of the reference. Its highest place "
        "does so in 20 % and 41 % of pictures, not surely more than the features' mere length (18 % and 38 %).",
        r"z_{ij} = \lVert A_{ij} \rVert\, \bigl(1 - \max_b \cos(A_{ij}, b)\bigr), \qquad "
        r"\mathrm{map} = z_{ij} / z_{95} - 1",
        "b: cells of up to 240 reference regions; z₉₅: the 95th percentile of z over those cells themselves.",
        "Nearest cells as in SPADE, arXiv 2005.02357, and PatchCore, arXiv 2106.08265.",
    ),
    Entry(
        "What do two pictures share? The match",
        "The similarity of two pictures is a sum over all pairs of a cell of one and a cell of the other. Point at a "
        "cell to see its own pairs.",
        r"e(x) \cdot e(y) = \sum_{ij} \sum_{kl} \frac{A_{ij} \cdot B_{kl}}"
        r"{(HW)^2\, \lVert f(x) \rVert\, \lVert f(y) \rVert}",
        "A, B: the last maps of the two pictures.",
        "Stylianou, Souvenir & Pless 2019, arXiv 1901.00536.",
    ),
    Entry(
        "Maps of other detectors",
        "Mahalanobis distance and PCA residual are sums over cells too, and exact. For every other detector, and for "
        "networks that do not end in an average, the map is the score's gradient times what sets a cell apart from the "
        "mean cell: an approximation, and called one.",
        r"d_{ij} = \frac{1}{HW} \Bigl(\frac{A_{ij}}{\lVert f \rVert} - \mu\Bigr) \cdot w, \qquad "
        r"w = P(e - \mu)\ \text{ or }\ r / \lVert r \rVert",
        "P: the inverse covariance; r: what lies outside the reference's leading axes.",
        "By gradient: HiResCAM, Draelos & Carin 2020, arXiv 2011.08891.",
    ),
    Entry(
        "Per-feature maps: Grad-CAM++",
        "The first study's own idea as a second mode: one scaled map a feature, weighted by what the feature adds to "
        "the score. Scaled maps do not add up to the score.",
        r"w_c = e_c\,(e_c - m_c)",
        "w: the weight of feature c.",
        "Chattopadhay et al. 2018, arXiv 1710.11063.",
    ),
)
"""Why."""

TRUST = (
    Entry(
        "MAP@20: how far up the true concepts stand",
        "For every picture the model lists concepts, surest first. It is 1 when the true ones always come first. "
        "True concepts that the model does not know count as missed; pictures without any true concept are left out.",
        r"\mathrm{MAP@20} = \frac{1}{U} \sum_u \frac{1}{\min(m_u, 20)} \sum_{k \le \min(n_u, 20)} P_u(k)\, r_u(k)",
        "U: pictures; m: true concepts; n: listed ones; P(k): share of true ones among the first k; r(k): 1 if the "
        "k-th is true.",
        "FathomNet 2023 competition, with the factor 1/min(m, 20) that its page leaves out.",
    ),
    Entry(
        "sAUC and the combined figure",
        "How well the OOD score puts pictures that are truly unlike the reference above the others: 1 is perfect, 0 is "
        "guessing. The combined figure is the plain mean of sAUC and MAP@20.",
        r"\mathrm{sAUC} = 2\,\mathrm{AUC} - 1, \qquad \tfrac12\,(\mathrm{MAP@20} + \mathrm{sAUC})",
        "AUC: the chance that a picture from outside scores above one from inside.",
        "FathomNet 2023 competition.",
    ),
    Entry(
        "Calibration error: do probabilities mean what they say?",
        "Of what is said with 70 %, seven of ten should come true. The error is the mean gap over fifteen bins of "
        "equally many answers; smaller is better. It is told before and after calibration, helped or not.",
        r"\mathrm{ECE} = \sum_b \frac{n_b}{n}\, \lvert \bar p_b - \bar y_b \rvert",
        "n: answers, in all and in a bin; p: probabilities; y: 1 where the concept is there.",
        "Guo et al. 2017, arXiv 1706.04599; bins of equal number: Nixon et al. 2019, arXiv 1904.01685.",
    ),
    Entry(
        "Intervals and fairness",
        "Frames of one dive rise and fall together, so whole groups are drawn again and again, not frames; two models "
        "are compared on the same draws. Groups that served to train, to tune or to calibrate judge nothing.",
        source="Percentile bootstrap over clusters: Field & Welsh 2007, doi 10.1111/j.1467-9868.2007.00593.x.",
    ),
)
"""How far a model can be trusted."""

GLOSSARY = (
    ("catalogue", "the images, their metadata, annotations and runs"),
    ("dataset", "images imported together under one name"),
    ("selection", "a saved condition over the catalogue"),
    ("region", "an image with an optional box: the unit of everything"),
    ("reference, target", "what counts as known, what is judged"),
    ("group", "images not independent of each other: dive, transect, deployment"),
    ("embedder, embedding", "the network, and the vector it makes of a region"),
    ("neighbour graph", "indices and distances of the most similar regions"),
    ("OOD score", "out-of-distribution score: larger is stranger"),
    ("flagged", "by the run's stored flag_rule: p ≤ α, or a named percentile"),
    ("projection", "the two coordinates of the map"),
    ("cluster, noise", "HDBSCAN's label; noise belongs to none"),
    ("area", "a polygon drawn on the map: a condition on where regions lie"),
    ("concept", "what can be seen in an image; a tree"),
    ("annotation, prediction", "a person's statement, a model's statement"),
    ("run", "one execution of the pipeline, with its settings and artefacts"),
    ("job", "work that a page asks for and a worker does: import, run, train, predict, evaluate, export, report"),
    ("preprocessing", "named steps that change what a network is shown, or only what one sees"),
    ("edit", "a value of an image's metadata that a person changed; undone by one more entry"),
    ("decision, verdict", "what a reviewer says of a region or cluster, and the word it is said with"),
    ("model", "a trained network with its label tree, thresholds and calibration"),
    ("evaluation", "a model held against labelled regions of groups that served nothing while it was made"),
    ("near-duplicates", "regions of one group that are closer than groups nearly ever come"),
)

KEYS = (
    ("Tab", "go to the next thing that can be pressed, or into a picture grid"),
    ("← → ↑ ↓", "in a grid: move from picture to picture"),
    ("Page Up, Page Down, Home, End", "in a grid: move by a screen, to the first, to the last"),
    ("Enter", "in a grid: open the picture"),
    ("Space", "in a grid where pictures can be chosen: choose or let go; elsewhere: open the picture"),
    ("Shift with a movement", "choose everything on the way"),
    ("Ctrl A or ⌘ A", "choose all pictures"),
    ("← →", "in the image panel: previous and next picture"),
    ("+ and −", "in the image panel: nearer and farther"),
    ("0 and 1", "in the image panel: the whole picture, and its own pixels"),
    ("B", "in the image panel: boxes on and off"),
    ("W", "in the image panel: the next why-map, and off"),
    ("← → ↑ ↓ and Enter", "in the image panel, on one of two compared pictures: move over its places, hold one"),
    ("M, L, R", "on the map: move, lasso, box; Shift while drawing adds, Alt takes away"),
    ("+ − 0 and arrows", "on the map: nearer, farther, all of it, along"),
    ("Enter", "on the map: open the picture pointed at"),
    ("Esc", "let go of what is chosen; close the image panel"),
)

REVIEW_KEYS = (
    ("1 – 9", "give a verdict; the next picture comes at once"),
    ("Shift 1 – 9", "the same to all near-duplicates of the picture"),
    ("C", "say what it is: type, Enter; R takes the name used last"),
    ("N", "write a note; Enter ends it"),
    ("Z, ← or Backspace", "undo the last decision"),
    ("S or →", "skip: somebody else may get it"),
    ("W", "the next why-map, and off"),
    ("+ − 0", "nearer, farther, whole; arrows move when near"),
    (
        "B",
        "draw boxes: Enter makes one, arrows move it, with Shift they resize it, Tab next, Delete removes, C names, "
        "Z takes the last change back",
    ),
    ("G", "one picture or many; in the grid arrows move, Space chooses, A chooses all, digits decide"),
    ("?", "this list"),
)
"""What the keys do while reviewing."""
