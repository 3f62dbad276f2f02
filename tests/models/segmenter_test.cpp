#include "models/segmenter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace larmor::models {
namespace {

class Echo : public Segmenter {
 public:
  const SegmenterInfo& info() const override { return info_; }

 protected:
  at::Tensor forward_checked(const at::Tensor& image) override { return image; }

 private:
  SegmenterInfo info_{.architecture = "echo", .in_channels = 3, .classes = 3, .stride = 32};
};

struct WrongShape {
  std::vector<int64_t> shape;
  std::string message;
};

TEST(SegmenterError, NamesTheShapeThatIsNeeded) {
  const std::vector<WrongShape> table = {
      {{1, 3, 250, 250}, "input 250 x 250: echo needs multiples of 32; pad to 256 x 256 (data.size: 256)"},
      {{1, 3, 256, 257}, "input 256 x 257: echo needs multiples of 32; pad to 256 x 288 (data.size: 288)"},
      {{1, 3, 1, 64}, "input 1 x 64: echo needs multiples of 32; pad to 32 x 64 (data.size: 64)"},
      {{2, 1, 32, 32}, "input of shape 2 x 1 x 32 x 32 has 1 channels: this echo was built for 3 (model.in_channels)"},
      {{3, 32, 32}, "input of shape 3 x 32 x 32: echo takes images x channels x height x width"},
      {{0, 3, 32, 32}, "input of shape 0 x 3 x 32 x 32: echo takes images x channels x height x width"},
  };
  Echo echo;
  for (const WrongShape& row : table) {
    try {
      echo.forward(at::zeros(row.shape));
      ADD_FAILURE() << row.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(error.what(), row.message);
    }
  }
}

TEST(Segmenter, PassesRightShapesOn) {
  Echo echo;
  const at::Tensor image = at::ones({2, 3, 32, 96});
  EXPECT_TRUE(at::equal(echo.forward(image), image));
}

}  // namespace
}  // namespace larmor::models
