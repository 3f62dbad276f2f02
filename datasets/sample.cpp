#include "datasets/sample.h"

namespace larmor::datasets {

std::string CaseKey::to_string() const {
  std::string text = subject;
  if (!session.empty()) text += "/" + session;
  if (slice >= 0) text += ":" + std::to_string(slice);
  return text;
}

}  // namespace larmor::datasets
