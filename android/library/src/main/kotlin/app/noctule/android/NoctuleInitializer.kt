package app.noctule.android

import android.content.Context
import androidx.startup.Initializer
import androidx.work.WorkManagerInitializer

/**
 * Enqueues the workers when the app starts, if its `Application` is a [NoctuleApp]. Opens nothing:
 * the profile is opened by whoever needs it first, off the main thread.
 *
 * An app that has taken `androidx.startup` out of its manifest calls [NoctuleWork.schedule] itself.
 */
class NoctuleInitializer : Initializer<Unit> {
    override fun create(context: Context) {
        if (NoctuleHost.of(context) != null) NoctuleWork(context).schedule()
    }

    override fun dependencies(): List<Class<out Initializer<*>>> =
        listOf(WorkManagerInitializer::class.java)
}
