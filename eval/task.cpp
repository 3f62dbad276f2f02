#include "eval/task.h"

#include "core/error.h"

namespace larmor::eval {

namespace {

const Metric* find(const std::vector<Metric>& metrics, const std::string& name) {
  for (const Metric& metric : metrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

}  // namespace

const Metric& Evaluation::metric(const std::string& name) const {
  const Metric* found = find(metrics, name);
  LARMOR_ASSERT(found != nullptr);
  return *found;
}

double Evaluation::value(const std::string& name) const { return metric(name).value; }

bool Evaluation::has(const std::string& name) const { return find(metrics, name) != nullptr; }

}  // namespace larmor::eval
