#include "optim/chunks.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <utility>
#include <vector>

namespace larmor::optim {
namespace {

std::vector<Segment> segments_of(const std::vector<std::pair<int64_t, int64_t>>& counts_and_filters) {
  std::vector<Segment> segments(counts_and_filters.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    segments[i].filter = counts_and_filters[i].second;
    segments[i].count = counts_and_filters[i].first * counts_and_filters[i].second;
  }
  return segments;
}

std::vector<const Segment*> pointers(const std::vector<Segment>& segments) {
  std::vector<const Segment*> all;
  for (const Segment& segment : segments) all.push_back(&segment);
  return all;
}

RC_GTEST_PROP(Cut, CoversEveryElementOnceInOrder, ()) {
  const auto filters = *rc::gen::container<std::vector<std::pair<int64_t, int64_t>>>(
      rc::gen::pair(rc::gen::inRange<int64_t>(0, 300), rc::gen::inRange<int64_t>(1, 700)));
  const bool whole_filters = *rc::gen::arbitrary<bool>();
  const std::vector<Segment> segments = segments_of(filters);
  int64_t place = 0;
  size_t item = 0;
  int64_t expected_begin = 0;
  for (const Piece& piece : cut(pointers(segments), whole_filters)) {
    while (item < piece.item) {
      RC_ASSERT(expected_begin == segments[item].count);
      ++item;
      expected_begin = 0;
    }
    RC_ASSERT(piece.begin == expected_begin);
    RC_ASSERT(piece.end > piece.begin);
    RC_ASSERT(piece.end <= segments[item].count);
    RC_ASSERT(piece.place == place);
    if (whole_filters) RC_ASSERT(piece.begin % segments[item].filter == 0);
    if (whole_filters) RC_ASSERT(piece.end % segments[item].filter == 0);
    expected_begin = piece.end;
    place += piece.end - piece.begin;
  }
  int64_t total = 0;
  for (const Segment& segment : segments) total += segment.count;
  RC_ASSERT(place == total);
}

TEST(Cut, PiecesAreOfOneSize) {
  const std::vector<Segment> segments = segments_of({{kPiece * 2 + 5, 1}});
  const std::vector<Piece> pieces = cut(pointers(segments), false);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1].begin, kPiece);
  EXPECT_EQ(pieces[2].end, kPiece * 2 + 5);
  EXPECT_EQ(elements_of(pieces), kPiece * 2 + 5);
  EXPECT_EQ(elements_of({}), 0);
}

TEST(ForEachPiece, VisitsAll) {
  const std::vector<Segment> segments = segments_of({{kLeastParallel * 3, 1}, {10, 1}});
  const std::vector<Piece> pieces = cut(pointers(segments), false);
  std::vector<std::atomic<int>> visits(pieces.size());
  for_each_piece(pieces, [&](const Piece& piece, size_t index) {
    EXPECT_EQ(&piece, &pieces[index]);
    ++visits[index];
  });
  for (const auto& visit : visits) EXPECT_EQ(visit, 1);
}

}  // namespace
}  // namespace larmor::optim
