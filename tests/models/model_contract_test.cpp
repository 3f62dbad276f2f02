#include "tests/models/model_contract.h"

#include <gtest/gtest.h>

#include "models/registry.h"

namespace larmor::models {
namespace {

class ModelContract : public ::testing::TestWithParam<std::string> {};

TEST_P(ModelContract, Shapes) { testing::expect_shapes(GetParam()); }
TEST_P(ModelContract, GradientsReachUsedParameters) { testing::expect_gradients_reach_used_parameters(GetParam()); }
TEST_P(ModelContract, RoundTrip) { testing::expect_round_trip(GetParam()); }
TEST_P(ModelContract, DeterministicEval) { testing::expect_deterministic_eval(GetParam()); }
TEST_P(ModelContract, PreparedEqualsPlain) { testing::expect_prepared_equals_plain(GetParam()); }
TEST_P(ModelContract, KeyedStartValues) { testing::expect_keyed_start_values(GetParam()); }
TEST_P(ModelContract, ShapeErrors) { testing::expect_shape_errors(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Every, ModelContract, ::testing::ValuesIn(registry().names()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace larmor::models
