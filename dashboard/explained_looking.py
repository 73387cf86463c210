"""What the Help page says of looking, counting, arranging and deciding: all that is not a score or a detector.

The contract: as in `dashboard.explained`.
"""

from __future__ import annotations

from dashboard.explained import Entry

LOOKING = (
    Entry(
        "The current selection and its counts",
        "Conditions of different kinds mean and, values of one kind mean or; a concept includes those below it. The "
        "count beside a value says how many pictures it would give with every other condition as it is. A picture that "
        "lacks a field meets no condition on it, and is counted and said. The link in the address bar reopens it all.",
        r"n(v) = \Bigl\lvert \{x : v \in x_f\} \cap \bigcap_{h \ne f} C_h \Bigr\rvert",
        "v: a value of field f; C: the pictures that meet the conditions on field h.",
    ),
    Entry(
        "Saved selections",
        "Under Saved, on Browse, a selection is kept under a name. What is narrowed down by conditions is kept as "
        "these conditions, so new images join it; what was chosen by hand, or left over as near-duplicates, is kept as "
        "those very regions. Open narrows down to it, without shows all others, and both join the other conditions. "
        "Exports and runs take the same conditions.",
    ),
    Entry(
        "Search by example: find similar",
        "Orders everything by cosine distance to one picture, that lies here or that you send: 0 is a copy, 1 is "
        "unrelated. Only the network is asked, so alike means alike to it, light and ground included. A picture that "
        "you send is turned into a vector by the run's own network and not kept. In very large runs the neighbour "
        "graph answers, with the nearest alone.",
        r"d(x, y) = 1 - e(x) \cdot e(y)",
        "e: vectors at unit length.",
    ),
    Entry(
        "Near-duplicates: what was filmed twice",
        "Two pictures of one group are joined when they are closer than pictures of different groups nearly ever are: "
        "the limit begins at the distance that one region in a hundred has to its nearest reference region of another "
        "group. Joined pictures form runs, also over several steps. One of each run is kept, the sharpest unless you "
        "say otherwise; nothing is deleted.",
        r"d(x, y) \le t, \qquad t = Q_{0.01}\bigl\{\min_{r \in R \setminus g(x)} d(x, r)\bigr\}",
        "Q: the quantile over all regions; R: the reference; g: the own group.",
        "Connected components of the neighbour graph; the rule is ours.",
    ),
    Entry(
        "What was seen where",
        "Counted are labelled images that show a concept or one below it. A camera that stands still films one animal "
        "many times, so without repeats counts a run of near-duplicates once. Share is of the labelled images of that "
        "depth band, dive or day, so that effort does not count as abundance; it is no density of animals. Share "
        "reviewed is of the images that show it, those with a decision.",
        r"\mathrm{share} = \frac{\#\{\text{labelled images of the band that show it}\}}"
        r"{\#\{\text{labelled images of the band}\}}",
        "#: how many; the band: a depth band, dive, day, site or camera.",
    ),
    Entry(
        "A picture in eight numbers",
        "Brightness, contrast, sharpness (how much neighbouring pixels differ: also noise), red and blue against green "
        "(1 is twice as much, −1 half), saturation, haze (how bright the darkest of green and blue is) and dark "
        "corners. Measured at 256 pixels, so that cameras compare. They tell changed water or a changed camera from "
        "new animals.",
        r"\mathrm{sharpness} = \sigma(\nabla^2 L), \quad \mathrm{redness} = \log_2 \frac{\bar R}{\bar G}, \quad "
        r"\mathrm{haze} = \frac{\overline{\min_{8 \times 8} \min(G, B)}}{\overline{\max(G, B)}}",
        "L: luminance; R, G, B: colours; σ: standard deviation; a bar: the mean.",
        "Sharpness: Pech-Pacheco et al. 2000, doi 10.1109/ICPR.2000.903548; haze: Drews et al. 2013, doi "
        "10.1109/ICCVW.2013.113.",
    ),
)
"""Looking and counting."""

ARRANGING = (
    Entry(
        "How far a map can be believed",
        "Trustworthiness falls when what lies together on the map is not alike; continuity falls when what is alike "
        "was torn apart. 1 keeps every neighbourhood. The same figure with the places of neighbours and map exchanged "
        "is the continuity.",
        r"T = 1 - \frac{2}{nk(2n - 3k - 1)} \sum_i \sum_{j \in U_i} \bigl(r(i, j) - k\bigr)",
        "U: the k nearest on the map that are not among the k nearest of all; r: their true rank; n: regions.",
        "Venna & Kaski 2001, doi 10.1007/3-540-44668-0_68.",
    ),
    Entry(
        "What sets a cluster apart, and its name",
        "A concept, dive, site, camera, depth or time is named when at least 30 % of the cluster have it, half as many "
        "again as elsewhere, what tells most first. Pictures that stand for it are those most like its mean, the "
        "groups taking turns; its edge are those least sure to belong.",
        r"\mathrm{tells} = w\, \mathrm{JSD}(p, q), \qquad \mathrm{JSD} = \tfrac12 \mathrm{KL}(p \Vert m) + "
        r"\tfrac12 \mathrm{KL}(q \Vert m)",
        "p, q: shares inside and outside; m: their mean; w: the cluster's share of what is known.",
        "Jensen–Shannon divergence: Lin 1991, doi 10.1109/18.61115; edge: GLOSH, Campello et al. 2015, doi "
        "10.1145/2733381.",
    ),
    Entry(
        "Do detectors agree?",
        "Scores of different detectors cannot be compared, ranks can: the share of the reference that scores lower. "
        "Where a picture's ranks lie far apart, believe none alone. Two detectors are compared by Spearman's rank "
        "correlation: 1 is the same order, 0 none.",
        r"\varrho = \mathrm{corr}\bigl(\mathrm{rank}(s_1), \mathrm{rank}(s_2)\bigr)",
        "s: scores of the judged regions.",
        "Spearman 1904, doi 10.2307/1412159.",
    ),
    Entry(
        "Near-twins across the border",
        "A target region with a reference region at a cosine distance of at most 0.05, about that of neighbouring "
        "frames of one dive. Many of them mean that reference and target share dives, or that one dive bears two "
        "names; the target then looks more familiar than it is. The figures are given with and without them.",
        r"\min_{r \in R} d(x, r) \le 0.05",
        "R: the reference, the own group included.",
    ),
)
"""Arranging and comparing."""

DECIDING = (
    Entry(
        "Agreement of reviewers: kappa",
        "How far two people agree beyond chance: 1 is always, 0 is what their habits alone would give. With several "
        "reviewers, Fleiss' kappa over the pictures with equally many verdicts.",
        r"\kappa = \frac{p_o - p_e}{1 - p_e}",
        "pₒ: share of equal verdicts; pₑ: share that chance gives.",
        "Cohen 1960, doi 10.1177/001316446002000104; Fleiss 1971, doi 10.1037/h0031619.",
    ),
    Entry(
        "What a random sample says of the whole",
        "Only the random queue gives an estimate, and only its unbroken beginning: skipping hard pictures would leave "
        "the easy ones. The interval is the wider of Wilson's and of one that draws whole groups again. A whole "
        "cluster may be labelled after a sample of it was looked at, and its interval is Wilson's.",
        r"\frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4n^2}}}"
        r"{1 + \frac{z^2}{n}}, \qquad z = 1.96",
        "p̂: the share in a sample of n.",
        "Wilson 1927, doi 10.1080/01621459.1927.10502953.",
    ),
    Entry(
        "Which picture comes next",
        "Strangest: by score. Closest to the line: where p is nearest to α, a decision tells most. Disagreement: where "
        "detectors' ranks lie farthest apart. One of each run of near-duplicates. By cluster: the most typical of "
        "each, then the second of each. Random: by a hash of run and region, so that anyone can check the draw.",
        r"\text{closest:}\ \min\, \lvert \log p(x) - \log \alpha \rvert",
        "p: the p-value; α: the run's rate.",
    ),
    Entry(
        "Probabilities, thresholds and broader concepts",
        "A model's probabilities are calibrated by two numbers a head, or by a monotone curve a concept, on groups "
        "that taught nothing. A concept counts as there from its own threshold on, chosen for the best F1 on the same "
        "groups; a broader concept is at least as likely as each below it. Where nothing reaches its threshold, the "
        "page says so.",
        r"p = \mathrm{sigmoid}\bigl((z - b) / T\bigr), \qquad F_1 = \frac{2PR}{P + R}",
        "z: the network's answer; P, R: precision and recall.",
        "Temperature: Guo et al. 2017, arXiv 1706.04599; curves: Zadrozny & Elkan 2002, doi 10.1145/775047.775151.",
    ),
    Entry(
        "Reports and exports",
        "A report is one HTML file that opens without the server: counts, scores, the strangest, the map, clusters, "
        "concepts, and the method with its versions. An export is the run's table with decisions. Both are made from "
        "the finished run, which never changes, so the same run gives the same figures; decisions are those of that "
        "moment.",
    ),
)
"""Deciding and taking home."""
