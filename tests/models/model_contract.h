// What every segmentation network must do. A new network is tested by being registered (model_contract_test.cpp runs this for each
// name); its own test adds what is particular to it.
#pragma once
#include <map>
#include <string>

namespace larmor::models::testing {

using ModelOptions = std::map<std::string, std::string>;

/// Logits have the image's size and `classes` channels, for odd numbers of channels and classes.
void expect_shapes(const std::string& name, ModelOptions options = {});
/// After one backward pass exactly the parameters that are not told as unused have a gradient, and it is finite.
void expect_gradients_reach_used_parameters(const std::string& name, const ModelOptions& options = {});
/// Saved and loaded into a network of another seed: equal state, buffers included, and equal logits, to the bit.
void expect_round_trip(const std::string& name, const ModelOptions& options = {});
/// Two forward passes in eval mode give the same bytes and change nothing, prepared for inference or not.
void expect_deterministic_eval(const std::string& name, const ModelOptions& options = {});
/// Prepared inference computes the same up to rounding; new weights and training drop it.
void expect_prepared_equals_plain(const std::string& name, const ModelOptions& options = {});
/// The seed alone decides the start values.
void expect_keyed_start_values(const std::string& name, const ModelOptions& options = {});
/// Wrong channel counts, sizes and dimensions are refused with these whole messages.
void expect_shape_errors(const std::string& name, const ModelOptions& options = {});

}  // namespace larmor::models::testing
