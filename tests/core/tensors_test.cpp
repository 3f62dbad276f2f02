#include "core/tensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

namespace fs = std::filesystem;
using testing::make_temporary_folder;

TEST(TensorFiles, EveryTypeAndShapeComesBack) {
  const fs::path file = make_temporary_folder("tensors") / "a.safetensors";
  NamedTensors tensors;
  for (const at::ScalarType type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kUInt16, at::kHalf, at::kBFloat16, at::kInt,
                                    at::kUInt32, at::kFloat, at::kDouble, at::kLong, at::kUInt64}) {
    for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{{}, {0, 3}, {2, 3, 2}}) {
      tensors.emplace_back(std::to_string(tensors.size()),
                           at::arange(12).slice(0, 0, c10::multiply_integers(shape)).reshape(shape).to(type));
    }
  }
  save_tensors(file, tensors, {{"step", "7"}});
  std::map<std::string, std::string> metadata;
  const NamedTensors read = load_tensors(file, &metadata);
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"step", "7"}}));
  ASSERT_EQ(read.size(), tensors.size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].first, tensors[i].first);
    EXPECT_EQ(read[i].second.scalar_type(), tensors[i].second.scalar_type());
    EXPECT_TRUE(at::equal(read[i].second.to(at::kDouble), tensors[i].second.to(at::kDouble))) << i;
    EXPECT_EQ(read[i].second.sizes(), tensors[i].second.sizes());
  }
}

TEST(TensorFiles, StridedTensorsAreWrittenInCOrder) {
  const fs::path file = make_temporary_folder("tensors") / "a.safetensors";
  const at::Tensor base = at::arange(24, at::kFloat).reshape({1, 2, 3, 4});
  save_tensors(file, {{"transposed", base.transpose(1, 3)}, {"channels_last", base.contiguous(at::MemoryFormat::ChannelsLast)}});
  const NamedTensors read = load_tensors(file);
  EXPECT_TRUE(at::equal(read[0].second, base.transpose(1, 3)));
  EXPECT_TRUE(at::equal(read[1].second, base));
}

TEST(TensorFiles, SameTensorsSameBytes) {
  const fs::path folder = make_temporary_folder("tensors");
  const NamedTensors tensors = {{"b", at::arange(5)}, {"a", at::ones({3}).set_requires_grad(true)}};
  save_tensors(folder / "1", tensors, {{"x", "1"}, {"a", "2"}});
  save_tensors(folder / "2", tensors, {{"a", "2"}, {"x", "1"}});
  EXPECT_EQ(read_file(folder / "1"), read_file(folder / "2"));
}

TEST(TensorFiles, LoadedTensorsAreCopies) {
  const fs::path file = make_temporary_folder("tensors") / "a.safetensors";
  save_tensors(file, {{"a", at::zeros({4})}});
  NamedTensors read = load_tensors(file);
  fs::remove(file);
  read[0].second.add_(1);
  EXPECT_TRUE(at::equal(read[0].second, at::ones({4})));
}

TEST(TensorFiles, BooleanBytesAreMadeBoolean) {
  const std::array<std::byte, 3> bytes = {std::byte{0}, std::byte{1}, std::byte{0x80}};
  const at::Tensor read = to_tensor({"mask", DType::boolean, {3}, bytes});
  EXPECT_TRUE(at::equal(read, at::tensor({0, 1, 1}).to(at::kBool)));
  const auto* raw = static_cast<const uint8_t*>(read.const_data_ptr());
  EXPECT_EQ(raw[2], 1);
}

TEST(TensorFilesError, TypesThatSafetensorsLacks) {
  const fs::path file = make_temporary_folder("tensors") / "a.safetensors";
  EXPECT_EQ(testing::run_error([&] {
              save_tensors(file, {{"w", at::ones({2}, at::kComplexFloat)}});
            }),
            "tensor 'w': safetensors has no dtype ComplexFloat");
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace larmor
