#include "models/weights/smp_names.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <set>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::models {
namespace {

struct Pair {
  std::string old, current;
};

const std::vector<Pair> kPairs = {
    {"decoder.layer1.block.0.block.0.weight", "decoder.blocks.0.block.0.0.weight"},
    {"decoder.layer5.block.2.block.1.running_var", "decoder.blocks.4.block.2.1.running_var"},
    {"decoder.conv1.bias", "decoder.p5.bias"},
    {"decoder.s5.block.0.block.0.weight", "decoder.seg_blocks.0.block.0.block.0.weight"},
    {"decoder.s2.block.0.block.1.bias", "decoder.seg_blocks.3.block.0.block.1.bias"},
    {"decoder.psp.stages.0.pool.1.block.0.weight", "decoder.psp.blocks.0.pool.1.0.weight"},
    {"decoder.psp.stages.3.pool.1.block.1.running_mean", "decoder.psp.blocks.3.pool.1.1.running_mean"},
    {"decoder.conv.block.1.weight", "decoder.conv.1.weight"},
    {"decoder.final_conv.bias", "segmentation_head.0.bias"},
};

TEST(SmpNames, BothWays) {
  for (const Pair& pair : kPairs) {
    EXPECT_EQ(current_smp_name(pair.old), pair.current);
    EXPECT_EQ(old_smp_name(pair.current), pair.old);
    EXPECT_EQ(current_smp_name(pair.current), pair.current) << "today's names stay";
  }
}

TEST(SmpNames, OthersStay) {
  for (const std::string name :
       {"", "decoder", "encoder.layer1.0.conv1.weight", "decoder.p4.skip_conv.weight", "decoder.layerX.block.0.block.0.weight",
        "decoder.layer0.block.0.block.0.weight", "decoder.layer1.block.0.conv.weight", "decoder.s9.block.0.weight"}) {
    EXPECT_EQ(current_smp_name(name), name);
  }
  for (const std::string name : {"decoder.blocks.0.conv1.0.weight", "decoder.blocks.9.block.0.0.weight", "decoder.seg_blocks.7.x"}) {
    EXPECT_EQ(old_smp_name(name), name);
  }
}

TEST(SmpNames, WholeDecoders) {
  const auto has_decoder = [](const std::vector<std::string>& names) {
    NamedTensors tensors;
    for (const std::string& name : names) tensors.emplace_back(name, at::Tensor());
    return has_smp_decoder(tensors);
  };
  const std::string head = "decoder.final_conv.weight";
  EXPECT_TRUE(has_decoder({"decoder.layer1.block.0.block.0.weight", "decoder.layer1.block.2.block.0.weight", head}));
  EXPECT_TRUE(has_decoder({"decoder.blocks.0.block.0.0.weight", "decoder.blocks.0.block.2.0.weight", "segmentation_head.0.weight"}));
  EXPECT_TRUE(has_decoder({"decoder.conv1.weight", "decoder.s5.block.0.block.0.weight", head}));
  EXPECT_TRUE(has_decoder({"decoder.psp.stages.0.pool.1.block.0.weight", "decoder.conv.block.0.weight", head}));
  EXPECT_FALSE(has_decoder({"decoder.conv1.weight", head}));
  EXPECT_FALSE(has_decoder({"decoder.layer1.block.0.block.0.weight", "decoder.layer1.block.1.block.0.weight", head}));
  EXPECT_FALSE(has_decoder({}));
}

std::filesystem::path key_lists() {
  const std::filesystem::path inside = larmor::testing::golden_file("smp_keys");
  return inside.empty() ? larmor::testing::golden_file("../smp_keys") : inside;
}

TEST(SmpNamesGolden, BijectiveOnEveryKeyList) {
  LARMOR_NEEDS(key_lists(), "smp_keys");
  size_t lists = 0;
  for (const auto& entry : std::filesystem::directory_iterator(key_lists())) {
    const std::string network = entry.path().stem().stem().string();
    if (network != "linknet" && network != "fpn" && network != "pspnet") {
      std::cout << "skipped: " << network << " has no old names here\n";
      continue;
    }
    std::ifstream file(entry.path());
    std::set<std::string> olds;
    NamedTensors tensors;
    size_t names = 0, renamed = 0;
    for (std::string line; std::getline(file, line); ++names) {
      const std::string name = line.substr(0, line.find('\t')), old = old_smp_name(name);
      olds.insert(old);
      tensors.emplace_back(old, at::Tensor());
      renamed += old != name;
      EXPECT_EQ(current_smp_name(old), name) << entry.path();
      EXPECT_EQ(old == name, name.starts_with("encoder.") || name.find("skip_conv") != std::string::npos) << name;
    }
    EXPECT_EQ(olds.size(), names) << entry.path();
    EXPECT_GT(renamed, 2u) << entry.path();
    EXPECT_TRUE(has_smp_decoder(tensors)) << entry.path();
    ++lists;
  }
  std::cout << lists << " lists\n";
  EXPECT_GT(lists, 0u);
}

}  // namespace
}  // namespace larmor::models
