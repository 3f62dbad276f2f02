#include "models/module.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace larmor::models {
namespace {

class Leaf : public Module {
 public:
  explicit Leaf(int64_t size)
      : weight(register_parameter("weight", at::ones({size}))),
        mean(register_buffer("mean", at::zeros({size}))),
        count(register_buffer("count", at::zeros({}, at::kLong))) {}
  at::Tensor &weight, &mean, &count;
  int prepared = 0;

 protected:
  void on_prepare_inference() override { ++prepared; }
  void on_drop_inference() override { prepared = 0; }
};

class Tree : public Module {
 public:
  Tree() {
    first = register_module("block.0", std::make_unique<Leaf>(2));
    scale = &register_parameter("scale", at::full({1}, 3.0));
    through = register_module("", std::make_unique<Leaf>(4));
  }
  Leaf *first, *through;
  at::Tensor* scale;
};

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> all;
  for (const auto& [name, tensor] : tensors) all.push_back(name);
  return all;
}

TEST(Module, ListsOwnTensorsBeforeChildrenAsPythonDoes) {
  Tree tree;
  EXPECT_EQ(names(tree.state_dict()),
            (std::vector<std::string>{"scale", "block.0.weight", "block.0.mean", "block.0.count", "weight", "mean", "count"}));
  EXPECT_EQ(names(tree.named_parameters()), (std::vector<std::string>{"scale", "block.0.weight", "weight"}));
  EXPECT_EQ(names(tree.named_buffers()), (std::vector<std::string>{"block.0.mean", "block.0.count", "mean", "count"}));
  EXPECT_EQ(tree.parameter_count(), 7);
}

TEST(Module, StateDictIsTheModulesOwnMemory) {
  Tree tree;
  tree.named_buffers()[0].second.fill_(5);
  EXPECT_EQ(tree.first->mean[0].item<double>(), 5);
  EXPECT_TRUE(tree.first->weight.requires_grad());
  EXPECT_FALSE(tree.first->mean.requires_grad());
}

TEST(Module, VisitsParentsFirst) {
  Tree tree;
  std::vector<std::string> seen;
  tree.visit([&](const std::string& name, Module&) { seen.push_back(name); });
  EXPECT_EQ(seen, (std::vector<std::string>{"", "block.0", ""}));
}

TEST(Module, TrainAndEvalReachEveryChild) {
  Tree tree;
  EXPECT_TRUE(tree.first->is_training());
  tree.eval();
  EXPECT_FALSE(tree.is_training() || tree.first->is_training() || tree.through->is_training());
  tree.train();
  EXPECT_TRUE(tree.is_training() && tree.first->is_training() && tree.through->is_training());
}

TEST(Module, ChangesFloatingPointTensorsOnly) {
  Tree tree;
  (tree.first->weight * 2).sum().backward();
  tree.to(at::kDouble);
  EXPECT_EQ(tree.first->weight.scalar_type(), at::kDouble);
  EXPECT_EQ(tree.first->mean.scalar_type(), at::kDouble);
  EXPECT_EQ(tree.first->count.scalar_type(), at::kLong);
  EXPECT_FALSE(tree.first->weight.grad().defined());
  EXPECT_TRUE(tree.first->weight.requires_grad() && tree.first->weight.is_leaf());
  (tree.first->weight * 2).sum().backward();
  EXPECT_EQ(tree.first->weight.grad()[0].item<double>(), 2);
  tree.zero_grad();
  EXPECT_FALSE(tree.first->weight.grad().defined());
}

TEST(Module, DropsPreparedInferenceWhenWeightsMayChange) {
  Tree tree;
  tree.prepare_inference();
  EXPECT_EQ(tree.first->prepared, 1);
  EXPECT_EQ(tree.through->prepared, 1);
  tree.eval();
  EXPECT_EQ(tree.first->prepared, 1) << "eval() changes no weight";
  tree.train();
  EXPECT_EQ(tree.first->prepared, 0);
  tree.prepare_inference();
  tree.to(at::kDouble);
  EXPECT_EQ(tree.through->prepared, 0);
}

}  // namespace
}  // namespace larmor::models
