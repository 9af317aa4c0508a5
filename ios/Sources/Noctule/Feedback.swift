import Foundation
import NoctuleBindings

// Events made of the very answer that was shown: they carry its position, generation and
// propensity, without which nobody can learn from them.
extension Recommendations {
    /// One impression for each item that was really on the screen: the first `shown` of them, all
    /// without a number.
    public func impressions(shown: Int = .max) -> [Noctule.FeedbackEvent] {
        items.prefix(max(shown, 0)).map { event(.impression, $0) }
    }

    /// The user opened `item`.
    public func click(_ item: Noctule.RecommendedItem) -> Noctule.FeedbackEvent {
        event(.click, item)
    }

    /// The user did what the app exists for with `item`: bought it, went there, watched it.
    public func conversion(_ item: Noctule.RecommendedItem) -> Noctule.FeedbackEvent {
        event(.conversion, item)
    }

    /// The user said that `item` is good.
    public func like(_ item: Noctule.RecommendedItem) -> Noctule.FeedbackEvent {
        event(.like, item)
    }

    /// The user said that `item` is not good.
    public func dislike(_ item: Noctule.RecommendedItem) -> Noctule.FeedbackEvent {
        event(.dislike, item)
    }

    /// The user never wants to see `item` again: gone at the next read.
    public func hide(_ item: Noctule.RecommendedItem) -> Noctule.FeedbackEvent {
        event(.hide, item)
    }

    /// The user looked at `item` for so long. No time at all is what a negative or endless one is.
    public func dwell(_ item: Noctule.RecommendedItem, _ time: TimeInterval)
        -> Noctule.FeedbackEvent {
        event(.dwell, item, dwellMs: Int64(exactly: (time * 1_000).rounded()) ?? 0)
    }

    /// A kind of the app's own, with the fields that it declared.
    public func custom(
        _ item: Noctule.RecommendedItem,
        _ name: String,
        _ details: [Noctule.EventDetail] = []
    ) -> Noctule.FeedbackEvent {
        event(.custom(name: name), item, details: details)
    }

    private func event(
        _ kind: EventKind,
        _ item: RecommendedItem,
        dwellMs: Int64? = nil,
        details: [EventDetail] = []
    ) -> FeedbackEvent {
        FeedbackEvent(
            kind: kind,
            item: item.item,
            surface: surface,
            context: context,
            position: Int64(item.position),
            generation: generation,
            propensity: item.propensity,
            dwellMs: dwellMs,
            details: details
        )
    }
}

extension FeedbackEvent {
    /// The user took back what this said: a hide, a like, a dislike or a conversion.
    public var undone: Noctule.FeedbackEvent {
        FeedbackEvent(
            kind: .undo,
            item: item,
            surface: surface,
            context: context,
            position: position,
            generation: generation,
            propensity: propensity,
            undoes: kind
        )
    }
}
