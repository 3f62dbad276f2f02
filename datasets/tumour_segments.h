// What the classes of a tumour network are called and how they are coloured, in segmentations and pictures.
//
//   edema yellow · non-enhancing blue · enhancing red · necrotic green   the colours of the Siberian set's slides
//   tumour (every label of the set) orange                               as predictions are drawn everywhere
//   several labels in one class, and labels with other names             cyan, magenta, brown, violet, … in the order of classes
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imaging/draw.h"
#include "imaging/seg_nrrd.h"

namespace larmor::datasets {

/// One segment per class 1 … `count`, its label value being the class. `classes` is data.labels of a recipe (label → class; empty: every
/// label is 1), `labels` those that the training set has. A class is named after its label, "tumour" where it has all of them, else after
/// its labels joined by " + "; one without any is "class 3".
std::vector<imaging::Segment> tumour_segments(const std::map<std::string, double>& classes, const std::map<std::string, int64_t>& labels,
                                              int64_t count);

/// A segment's colour for pictures.
imaging::Colour colour_of(const imaging::Segment& segment);

}  // namespace larmor::datasets
