"""What the Help page says of detectors, lists, kinds of strange and drift.

The contract: as in `dashboard.explained`.
"""

from __future__ import annotations

from dashboard.explained import Entry

DETECTORS = (
    Entry(
        "Distances in the reference's own spread: Mahalanobis",
        "How far a region lies from the mean of the reference, in units of the reference's spread in that direction. "
        "Of roots: the same on the fourth roots of the vector's numbers, so that many weak features weigh as much as a "
        "few strong ones. Relative: the distance to the nearest of eight clusters, less that to the whole.",
        r"M(x) = (e - \mu)^\top \Sigma^{-1} (e - \mu), \qquad \Sigma = (1 - \lambda)\, S + \lambda \bar{s}\, I",
        "S: covariance of the reference; λ: Ledoit and Wolf's shrinkage, so that it can be turned round.",
        "Lee et al. 2018, arXiv 1807.03888; Ren et al. 2021, arXiv 2106.09022; Ledoit & Wolf 2004, doi "
        "10.1016/S0047-259X(03)00096-4; roots: Perronnin et al. 2010, doi 10.1007/978-3-642-15561-1_11.",
    ),
    Entry(
        "What lies outside: PCA residual",
        "The part of a vector that the leading directions of the reference, those that hold half of its variance, "
        "cannot express.",
        r"r(x) = \bigl\lVert (I - A A^\top)(e - \mu) \bigr\rVert",
        "A: the leading directions.",
        "Jackson & Mudholkar 1979, doi 10.1080/00401706.1979.10489779; with logits, ViM: Wang et al. 2022, arXiv "
        "2203.10807.",
    ),
    Entry(
        "Density: local outlier factor and Gaussian mixture",
        "The local outlier factor compares how dense the reference is around a region's neighbours with how dense it "
        "is around the region itself: 1 is alike, larger is lonelier. The mixture is the unlikelihood under four "
        "Gaussians on the leading 64 directions.",
        r"\mathrm{LOF}(x) = \frac{1}{k} \sum_{n=1}^{k} \frac{\varrho(e_n)}{\varrho(x)}",
        "ϱ: one over the mean reachability distance to the k nearest reference regions.",
        "Breunig et al. 2000, doi 10.1145/335191.335388; mixture: Kuan & Mueller 2022, arXiv 2207.03061.",
    ),
    Entry(
        "Several at once: rank ensemble",
        "Mahalanobis, Mahalanobis of roots and PCA residual, each turned into its rank among held-out reference "
        "regions; the score is the mean rank. It was the best of ours on half of the videos of a second camera and on "
        "the demonstration's new animals, and is suggested beside kNN for that.",
        r"s(x) = \frac{1}{M} \sum_m \mathrm{rank}_m(x) \in [0, 1]",
        "M: detectors in it. Where their ranks lie far apart, believe none alone.",
        "Aggarwal & Sathe 2015, doi 10.1145/2830544.2830549.",
    ),
    Entry(
        "Fitted on one half, calibrated on the other",
        "A detector that learns a shape scores what it learnt from too low. So it is fitted on half of the reference "
        "groups and its p-values are counted on the other half; a certified rate of 5 % then needs 38 reference groups "
        "instead of 19.",
        r"p(x) = \frac{1 + \sum_{g \in \mathrm{other\ half}} \frac{1}{n_g}\, \#\{i \in g : a_i \ge s(x)\}}{G/2 + 1}",
        "",
        "Split conformal prediction; Bates et al. 2023, arXiv 2104.08279.",
    ),
    Entry(
        "Detectors that read a model",
        "ViM, energy and maximum logit look at what a trained model answers. A model is surer of what it was "
        "trained on, so reference groups that served to train, tune or calibrate it would make everything new look "
        "strange. p-values are counted on the reference groups that it was not made with; where there are none, no "
        "rate is certified. What ViM learns besides, it learns from the groups that served.",
        r"E(x) = -\log \sum_c e^{z_c(x)}, \qquad M(x) = -\max_c z_c(x)",
        "z: the model's answers before calibration, one a concept.",
        "Liu et al. 2020, arXiv 2010.03759; Hendrycks et al. 2022, arXiv 1911.11132; Wang et al. 2022, arXiv "
        "2203.10807.",
    ),
    Entry(
        "Lists of findings",
        "A p-value promises something of one region. Of a list, the share of false ones is kept at a rate by stricter "
        "rules: one region of each independent group, drawn without looking at scores (Benjamini–Hochberg); all "
        "regions, whatever they have in common (Benjamini–Yekutieli); otherwise the list is called nominal.",
        r"p_{(i)} \le \frac{i\, q}{m\, c}, \qquad c = 1 \ \text{or}\ \sum_{j=1}^{m} \tfrac{1}{j}",
        "m: regions looked at; q: the rate; p₍ᵢ₎: the i-th smallest.",
        "Benjamini & Hochberg 1995; Benjamini & Yekutieli 2001, doi 10.1214/aos/1013699998.",
    ),
    Entry(
        "What kind of strange?",
        "Two measures, both 0 at the reference's median and 1 at its 95th percentile: how unusual the eight image "
        "statistics are, and what remains of the score without what they explain. Flagged pictures with unusual "
        "statistics look like a changed camera or changed water; the others have new content. Beyond 2, a picture is "
        "so unlike the reference's that no score says anything of what is in it.",
        r"u = \mathrm{Mahalanobis}(\mathrm{statistics}), \qquad "
        r"r = s - \hat{s}(\mathrm{statistics}, \mathrm{statistics}^2)",
        "ŝ: ridge regression over reference and target, every group counting once and none predicting itself.",
    ),
    Entry(
        "How well do detectors tell the unknown?",
        "Where the truth is known: AUROC is the chance that an unknown region scores above a known one; AUPR the "
        "average precision; FPR@95TPR the share of known regions above the score that finds 95 % of the unknown. "
        "Intervals come of drawing whole groups again.",
        r"\mathrm{sAUC} = 2\,\mathrm{AUROC} - 1",
        "",
        "Intervals: Field & Welsh 2007, doi 10.1111/j.1467-9868.2007.00593.x.",
    ),
)
"""Which detector."""

DRIFT = (
    Entry(
        "Has the content changed? MMD",
        "The maximum mean discrepancy is 0 when a batch and the reference come from the same distribution and grows "
        "with any difference. Every group counts once, however long it was filmed.",
        r"\mathrm{MMD}^2 = \overline{k(b, b')} + \overline{k(r, r')} - 2\,\overline{k(b, r)}, \qquad "
        r"k(x, y) = e^{-\lVert e(x) - e(y) \rVert^2 / 2 w^2}",
        "b, r: regions of batch and reference, means over groups; w: the median distance between groups.",
        "Gretton et al. 2012, JMLR 13, 723–773.",
    ),
    Entry(
        "Has one number changed? Kolmogorov–Smirnov",
        "The largest distance between two distribution functions, for each of the eight image statistics and for the "
        "leading directions of the vectors; and for concepts, the difference of their shares.",
        r"D = \max_t \bigl\lvert F_{\mathrm{batch}}(t) - F_{\mathrm{reference}}(t) \bigr\rvert",
        "F: mean over groups of each group's own distribution function.",
        "Several at once by the largest: Westfall & Young 1993.",
    ),
    Entry(
        "More than chance? Permuting whole groups",
        "If nothing changed, the batch's groups are any of all groups. So groups, not frames, trade places between "
        "batch and reference, and p is the share of such trades that differ as much. One dive against 60 can reach "
        "p = 1/61 at the least; larger batches reach less.",
        r"p = \frac{\#\{\text{trades with } T^* \ge T\}}{\#\{\text{trades}\}}",
        "T: the statistic as things are, itself one of the trades.",
        "Winkler et al. 2015, doi 10.1016/j.neuroimage.2015.05.092.",
    ),
    Entry(
        "Alarms over a timeline",
        "At p ≤ 0.05 one batch in twenty raises an alarm without any change. Benjamini–Hochberg and "
        "Benjamini–Yekutieli keep the share of false alarms over the timeline as it stands; LORD++ decides batch by "
        "batch, and takes no alarm back.",
        r"\alpha_t = \gamma_t w_0 + (q - w_0)\, \gamma_{t - \tau_1} + q \sum_{j \ge 2} \gamma_{t - \tau_j}",
        "τ: times of earlier alarms; γ: a falling series that sums to 1; w₀ = q/2; q: the rate.",
        "Ramdas et al. 2017, arXiv 1710.00499.",
    ),
)
"""What changed over time."""
