@file:JvmName("Feedback")

package app.noctule

/**
 * One impression for each item of this answer that was really on the screen: the first [shown] of
 * them, all without a number.
 */
@JvmOverloads
fun Recommendations.impressions(shown: Int = items.size): List<FeedbackEvent> =
    items.take(shown.coerceAtLeast(0)).map { event(it, EventKind.Impression) }

/** The user opened [item] of this answer. */
fun Recommendations.click(item: RecommendedItem): FeedbackEvent = event(item, EventKind.Click)

/** The user did what the app exists for with [item]: bought it, went there, watched it. */
fun Recommendations.conversion(item: RecommendedItem): FeedbackEvent =
    event(item, EventKind.Conversion)

/** The user said that [item] is good. */
fun Recommendations.like(item: RecommendedItem): FeedbackEvent = event(item, EventKind.Like)

/** The user said that [item] is not good. */
fun Recommendations.dislike(item: RecommendedItem): FeedbackEvent = event(item, EventKind.Dislike)

/** The user never wants to see [item] again: gone at the next read. */
fun Recommendations.hide(item: RecommendedItem): FeedbackEvent = event(item, EventKind.Hide)

/** The user looked at [item] for [millis]. */
fun Recommendations.dwell(item: RecommendedItem, millis: Long): FeedbackEvent =
    event(item, EventKind.Dwell).copy(dwellMs = millis)

/** A kind of the app's own, with the fields that it declared. */
@JvmOverloads
fun Recommendations.custom(
    item: RecommendedItem,
    name: String,
    details: List<EventDetail> = emptyList(),
): FeedbackEvent = event(item, EventKind.Custom(name)).copy(details = details)

/** The user took back what [event] said: a hide, a like, a dislike or a conversion. */
fun undo(event: FeedbackEvent): FeedbackEvent = event.copy(
    kind = EventKind.Undo,
    undoes = event.kind,
    visibleMs = null,
    dwellMs = null,
    details = emptyList(),
    atMs = null,
)

private fun Recommendations.event(item: RecommendedItem, kind: EventKind) = FeedbackEvent(
    kind = kind,
    item = item.item,
    surface = surface,
    context = context,
    position = item.position.toLong(),
    generation = generation,
    propensity = item.propensity,
)
