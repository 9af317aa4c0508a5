package app.noctule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an app in Java can write. */
class FromJavaTest {
    @Test
    void recommendingIsSynchronousAndNeedsNoCoroutine(@TempDir Path scratch) {
        NoctuleConfig.Builder builder =
                new NoctuleConfig.Builder(
                        new File(scratch.toFile(), "profile"), "town", DataConsent.FULL);
        builder.setTrustedKeys(List.of(World.INSTANCE.getKey()));
        Outcome<Noctule> opened = Noctule.openBlocking(builder.build());
        assertNull(opened.errorOrNull());
        try (Noctule noctule = opened.getOrThrow()) {
            Recommendations answer = noctule.recommend("home", null, 5).getOrNull();
            assertNotNull(answer);
            assertEquals(Tier.EMPTY, answer.getTier());
            assertEquals(EmptyReason.NO_RELEASE, answer.getEmptyReason());
            List<FeedbackEvent> shown = Feedback.impressions(answer);
            assertEquals(0, shown.size());
            Outcome<Recommendations> refused = noctule.recommend("", null, null);
            assertEquals(Action.MEND_THE_CALL, refused.errorOrNull().getAction());
        }
    }
}
