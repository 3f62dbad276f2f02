// How sure a prediction is, from its members: every network's probabilities of every view.
//
//   predictive entropy    H(mean p) / ln K                  all doubt: near 1 where the mean is undecided, whoever disagrees with whom
//   mutual information    (H(mean p) - mean H(p)) / ln K    the part of it that comes from members contradicting each other
//
// H is the entropy over K classes, background included: K = 2 for one output, a sigmoid. Divided by ln K both lie in [0, 1] whatever K is
// (for K = 2 they are bits). The mean is the arithmetic mean over members, whatever `eval.merge` says, for entropy needs probabilities
// that sum to 1. Houlsby et al. 2011 (arXiv:1112.5745); Gal et al. 2017 (arXiv:1703.02910).
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace larmor::eval {

/// Of one slice.
struct Uncertainty {
  at::Tensor entropy;             ///< H x W, float32
  at::Tensor mutual_information;  ///< the same; undefined for a single member, which contradicts nobody
};

/// H(p) / ln K of C x H x W probabilities: H x W.
at::Tensor normalised_entropy(const at::Tensor& probabilities);

/// Members of one slice, added one by one: memory holds their sums alone, however many there are.
class MemberSums {
 public:
  void add(const at::Tensor& probabilities);  ///< C x H x W, float32, CPU; every member of one shape (assertion)
  int64_t members() const { return members_; }
  Uncertainty finish() const;  ///< after at least one member (assertion)

 private:
  at::Tensor sum_, entropy_sum_;  // float64, so that the mean of equal members is that member
  int64_t members_ = 0;
};

}  // namespace larmor::eval
